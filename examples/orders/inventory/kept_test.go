package inventory_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/inventory"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// revive returns the service as another process has it that finds the ledger.
func revive(t *testing.T, delivery string, stock map[string]int64, l *ledger.Ledger) *world {
	t.Helper()
	w := &world{}
	m, err := mediator.New(
		inventory.Kept(delivery, stock, l),
		mediator.Subscribe(func(_ context.Context, e messages.InventoryReserved) error {
			w.reserved = append(w.reserved, e)
			return nil
		}),
		mediator.Subscribe(func(_ context.Context, e messages.InventoryRejected) error {
			w.rejected = append(w.rejected, e)
			return nil
		}),
	)
	require.NoError(t, err)
	w.m = m
	t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
	return w
}

func TestAnotherProcessGoesOn(t *testing.T) {
	l, err := ledger.Open(filepath.Join(t.TempDir(), "inventory.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	stock := map[string]int64{"CUP": 10}
	order := func(id string, qty int) messages.OrderCreated {
		return messages.OrderCreated{OrderID: id, SKU: "CUP", Qty: qty}
	}
	held, sold, released, refused, early := order("o1", 1), order("o2", 2), order("o3", 3), order("o4", 8), order("o5", 1)
	w := revive(t, "first", stock, l)
	for _, o := range []messages.OrderCreated{held, sold, released, refused} {
		publish(t, w, o)
	}
	publish(t, w, messages.OrderCompleted{Order: sold})
	publish(t, w, messages.OrderCancelled{Order: released})
	publish(t, w, messages.OrderCancelled{Order: early})
	want := []messages.StockLevel{{SKU: "CUP", Left: 7, Reserved: 1, Sold: 2}}
	require.Equal(t, want, w.levels(t))

	for range 2 { // the same delivery comes in once
		w = revive(t, "first", stock, l)
		require.Equal(t, want, w.levels(t))
	}
	publish(t, w, messages.OrderCancelled{Order: order("o6", 1)})
	for _, o := range []messages.OrderCreated{held, sold, released, refused, early} { // again
		publish(t, w, o)
	}
	publish(t, w, messages.OrderCompleted{Order: sold})
	publish(t, w, messages.OrderCancelled{Order: released})
	require.Equal(t, want, w.levels(t))
	require.Equal(t, []messages.InventoryReserved{{OrderID: "o1"}}, w.reserved)
	require.Equal(t, []messages.InventoryRejected{{OrderID: "o4", Reason: messages.OutOfStock}}, w.rejected)

	w = revive(t, "second", stock, l)
	publish(t, w, refused)
	require.Len(t, w.rejected, 1, "what was refused stays so")
	publish(t, w, messages.OrderCompleted{Order: held})
	require.Equal(t, []messages.StockLevel{{SKU: "CUP", Left: 17, Sold: 3}}, w.levels(t))
}
