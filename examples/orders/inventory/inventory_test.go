package inventory_test

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/inventory"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type world struct {
	m *mediator.Mediator

	mu       sync.Mutex
	reserved []messages.InventoryReserved
	rejected []messages.InventoryRejected
}

func newWorld(t *testing.T, stock map[string]int64) *world {
	t.Helper()
	w := &world{}
	m, err := mediator.New(
		inventory.Module(stock),
		mediator.Subscribe(func(_ context.Context, e messages.InventoryReserved) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reserved = append(w.reserved, e)
			return nil
		}),
		mediator.Subscribe(func(_ context.Context, e messages.InventoryRejected) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.rejected = append(w.rejected, e)
			return nil
		}),
	)
	require.NoError(t, err)
	w.m = m
	t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
	return w
}

func publish[N any](t *testing.T, w *world, n N) {
	t.Helper()
	require.NoError(t, mediator.Publish(t.Context(), w.m, n))
}

func (w *world) levels(t *testing.T) (levels []messages.StockLevel) {
	t.Helper()
	for level, err := range mediator.Stream(t.Context(), w.m, messages.ListStock{}) {
		require.NoError(t, err)
		levels = append(levels, level)
	}
	return levels
}

func cups(id string, qty int) messages.OrderCreated {
	return messages.OrderCreated{OrderID: id, SKU: "CUP", Qty: qty}
}

func TestReserveAndSell(t *testing.T) {
	w := newWorld(t, map[string]int64{"CUP": 5})
	o := cups("o1", 3)
	publish(t, w, o)
	require.Equal(t, []messages.InventoryReserved{{OrderID: "o1"}}, w.reserved)
	require.Equal(t, []messages.StockLevel{{SKU: "CUP", Left: 2, Reserved: 3}}, w.levels(t))

	publish(t, w, messages.OrderCompleted{Order: o})
	require.Equal(t, []messages.StockLevel{{SKU: "CUP", Left: 2, Sold: 3}}, w.levels(t))
}

func TestReserveAndGiveBack(t *testing.T) {
	w := newWorld(t, map[string]int64{"CUP": 5})
	o := cups("o1", 5)
	publish(t, w, o)
	publish(t, w, messages.OrderCancelled{Order: o, Reason: messages.Declined})
	require.Equal(t, []messages.StockLevel{{SKU: "CUP", Left: 5}}, w.levels(t))
	publish(t, w, cups("o2", 5))
	require.Len(t, w.reserved, 2)
}

func TestReject(t *testing.T) {
	w := newWorld(t, map[string]int64{"CUP": 5})
	publish(t, w, cups("o1", 6))
	publish(t, w, messages.OrderCreated{OrderID: "o2", SKU: "MUG", Qty: 1})
	require.Empty(t, w.reserved)
	require.Equal(t, []messages.InventoryRejected{
		{OrderID: "o1", Reason: messages.OutOfStock},
		{OrderID: "o2", Reason: messages.UnknownSKU},
	}, w.rejected)

	publish(t, w, messages.OrderCancelled{Order: cups("o1", 6), Reason: messages.OutOfStock})
	require.Equal(t, []messages.StockLevel{{SKU: "CUP", Left: 5}}, w.levels(t), "nothing was held, nothing comes back")
}

func TestRepeatedMessagesChangeNothing(t *testing.T) {
	w := newWorld(t, map[string]int64{"CUP": 5})
	o := cups("o1", 3)
	publish(t, w, o)
	publish(t, w, o)
	require.Len(t, w.reserved, 2, "the answer is given again")
	publish(t, w, messages.OrderCompleted{Order: o})
	publish(t, w, messages.OrderCompleted{Order: o})
	publish(t, w, messages.OrderCancelled{Order: o})
	require.Equal(t, []messages.StockLevel{{SKU: "CUP", Left: 2, Sold: 3}}, w.levels(t))
}

func TestListIsInOrderAndMayBeLeft(t *testing.T) {
	w := newWorld(t, map[string]int64{"C": 3, "A": 1, "B": 2})
	require.Equal(t, []messages.StockLevel{{SKU: "A", Left: 1}, {SKU: "B", Left: 2}, {SKU: "C", Left: 3}}, w.levels(t))
	for level, err := range mediator.Stream(t.Context(), w.m, messages.ListStock{}) {
		require.NoError(t, err)
		// The service is not locked while its list is read.
		publish(t, w, messages.OrderCreated{OrderID: "o1", SKU: level.SKU, Qty: 1})
		break
	}
	require.Equal(t, messages.StockLevel{SKU: "A", Reserved: 1}, w.levels(t)[0])
}

func TestNeverSellsMoreThanThereIs(t *testing.T) {
	w := newWorld(t, map[string]int64{"CUP": 100})
	var all sync.WaitGroup
	for i := range 160 {
		all.Go(func() {
			o := cups(strconv.Itoa(i), 1)
			if err := mediator.Publish(t.Context(), w.m, o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, w.reserved, 100)
	require.Len(t, w.rejected, 60)
	require.Equal(t, []messages.StockLevel{{SKU: "CUP", Reserved: 100}}, w.levels(t))
}
