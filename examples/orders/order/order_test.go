package order_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var cups = messages.PlaceOrder{
	Customer: "Ada", Email: "ada@example.com", SKU: "CUP-BLUE", Qty: 2, UnitCents: 1250, Card: "visa-4242",
}

// world is the order service with functions in place of the other services. They
// note what they hear; fail, if set, is asked what they answer.
type world struct {
	m    *mediator.Mediator
	fail func(message any) error

	mu    sync.Mutex
	heard []any
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	m, err := mediator.New(
		order.Module(),
		mediator.Subscribe(hear[messages.OrderCreated](w)),
		mediator.Subscribe(hear[messages.PaymentRequested](w)),
		mediator.Subscribe(hear[messages.OrderCompleted](w)),
		mediator.Subscribe(hear[messages.OrderCancelled](w)),
	)
	require.NoError(t, err)
	w.m = m
	t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
	return w
}

func hear[N any](w *world) func(context.Context, N) error {
	return func(_ context.Context, n N) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard = append(w.heard, n)
		if w.fail != nil {
			return w.fail(n)
		}
		return nil
	}
}

func (w *world) last() any { return w.heard[len(w.heard)-1] }

func (w *world) place(t *testing.T, p messages.PlaceOrder) messages.OrderCreated {
	t.Helper()
	receipt, err := mediator.Send(t.Context(), w.m, p)
	require.NoError(t, err)
	created, ok := w.last().(messages.OrderCreated)
	require.True(t, ok, "%T", w.last())
	require.Equal(t, receipt.OrderID, created.OrderID)
	return created
}

func publish[N any](t *testing.T, w *world, n N) {
	t.Helper()
	require.NoError(t, mediator.Publish(t.Context(), w.m, n))
}

func (w *world) counts(t *testing.T) messages.OrderCounts {
	t.Helper()
	c, err := mediator.Send(t.Context(), w.m, messages.CountOrders{})
	require.NoError(t, err)
	require.Equal(t, c.Placed, c.Completed+c.Compensated()+c.Open)
	return c
}

func TestCompletes(t *testing.T) {
	w := newWorld(t)
	o := w.place(t, cups)
	require.Equal(t, messages.OrderCounts{Placed: 1, Open: 1, Cancelled: map[messages.Reason]int64{}}, w.counts(t))

	publish(t, w, messages.InventoryReserved{OrderID: o.OrderID})
	require.Equal(t, messages.PaymentRequested{OrderID: o.OrderID, Card: "visa-4242", Cents: 2500}, w.last())

	publish(t, w, messages.PaymentProcessed{OrderID: o.OrderID})
	require.Equal(t, messages.OrderCompleted{Order: o}, w.last())
	require.Equal(t, messages.OrderCounts{Placed: 1, Completed: 1, RevenueCents: 2500, Cancelled: map[messages.Reason]int64{}}, w.counts(t))
}

func TestCancels(t *testing.T) {
	w := newWorld(t)
	o := w.place(t, cups)
	publish(t, w, messages.InventoryRejected{OrderID: o.OrderID, Reason: messages.OutOfStock})
	require.Equal(t, messages.OrderCancelled{Order: o, Reason: messages.OutOfStock}, w.last())

	o = w.place(t, cups)
	publish(t, w, messages.InventoryReserved{OrderID: o.OrderID})
	publish(t, w, messages.PaymentFailed{OrderID: o.OrderID, Detail: "expired card"})
	require.Equal(t, messages.OrderCancelled{Order: o, Reason: messages.Declined}, w.last())

	require.Equal(t, messages.OrderCounts{
		Placed: 2, Cancelled: map[messages.Reason]int64{messages.OutOfStock: 1, messages.Declined: 1},
	}, w.counts(t))
}

func TestRefusesInvalidOrders(t *testing.T) {
	w := newWorld(t)
	_, err := mediator.Send(t.Context(), w.m, messages.PlaceOrder{SKU: "CUP-BLUE"})
	require.ErrorIs(t, err, messages.ErrInvalid)
	require.Empty(t, w.heard)
	require.Zero(t, w.counts(t).Placed)
}

// What comes too late, twice, or for an order nobody placed changes nothing.
func TestIgnoresWhatDoesNotFit(t *testing.T) {
	w := newWorld(t)
	o := w.place(t, cups)
	publish(t, w, messages.InventoryReserved{OrderID: o.OrderID})
	publish(t, w, messages.InventoryReserved{OrderID: o.OrderID})
	require.Equal(t, messages.PaymentRequested{OrderID: o.OrderID, Card: "visa-4242", Cents: 2500}, w.last(),
		"a step reported again is asked for again")
	publish(t, w, messages.PaymentProcessed{OrderID: o.OrderID})
	before, heard := w.counts(t), len(w.heard)
	publish(t, w, messages.PaymentProcessed{OrderID: o.OrderID})
	publish(t, w, messages.PaymentFailed{OrderID: o.OrderID})
	publish(t, w, messages.InventoryReserved{OrderID: o.OrderID})
	publish(t, w, messages.InventoryRejected{OrderID: "o99", Reason: messages.OutOfStock})
	require.Equal(t, before, w.counts(t))
	require.Len(t, w.heard, heard)
}

// A step whose telling failed is told again when it is reported again, and
// counted once.
func TestTellsAgainWhatNobodyHeard(t *testing.T) {
	w := newWorld(t)
	o := w.place(t, cups)
	publish(t, w, messages.InventoryReserved{OrderID: o.OrderID})
	down := errors.New("down")
	w.fail = func(any) error { return down }
	require.ErrorIs(t, mediator.Publish(t.Context(), w.m, messages.PaymentProcessed{OrderID: o.OrderID}), down)
	require.ErrorIs(t, mediator.Publish(t.Context(), w.m, messages.PaymentProcessed{OrderID: o.OrderID}), down)
	require.NoError(t, mediator.Publish(t.Context(), w.m, messages.PaymentFailed{OrderID: o.OrderID}), "too late")
	w.fail = nil
	heard := len(w.heard)
	publish(t, w, messages.PaymentProcessed{OrderID: o.OrderID})
	require.Equal(t, messages.OrderCompleted{Order: o}, w.last())
	require.Len(t, w.heard, heard+1)
	publish(t, w, messages.PaymentProcessed{OrderID: o.OrderID})
	require.Len(t, w.heard, heard+1)
	require.EqualValues(t, 1, w.counts(t).Completed)
	require.EqualValues(t, 2500, w.counts(t).RevenueCents)
}

func TestCancelsWhatNobodyTakesOn(t *testing.T) {
	w := newWorld(t)
	down := errors.New("down")
	w.fail = func(message any) error {
		if _, ok := message.(messages.OrderCreated); ok {
			return down
		}
		return nil
	}
	receipt, err := mediator.Send(t.Context(), w.m, cups)
	require.ErrorIs(t, err, down)
	cancelled, ok := w.last().(messages.OrderCancelled)
	require.True(t, ok, "%T", w.last())
	require.Equal(t, messages.Failed, cancelled.Reason)
	id := cancelled.Order.OrderID
	require.Equal(t, receipt.OrderID, id)

	heard := len(w.heard)
	publish(t, w, messages.InventoryReserved{OrderID: id})
	require.Len(t, w.heard, heard, "the order is forgotten")
	require.Equal(t, messages.OrderCounts{Placed: 1, Cancelled: map[messages.Reason]int64{messages.Failed: 1}}, w.counts(t))
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	ids := make(chan string, 200)
	for range cap(ids) {
		all.Go(func() {
			receipt, err := mediator.Send(t.Context(), w.m, cups)
			id := receipt.OrderID
			if err == nil {
				err = mediator.Publish(t.Context(), w.m, messages.InventoryReserved{OrderID: id})
			}
			if err == nil {
				err = mediator.Publish(t.Context(), w.m, messages.PaymentProcessed{OrderID: id})
			}
			if err == nil {
				ids <- id
			}
		})
	}
	all.Wait()
	close(ids)
	seen := map[string]bool{}
	for id := range ids {
		seen[id] = true
	}
	require.Len(t, seen, 200, "every order has an id of its own")
	c := w.counts(t)
	require.EqualValues(t, 200, c.Completed)
	require.EqualValues(t, 200*2500, c.RevenueCents)
	require.Len(t, w.heard, 3*200)
}
