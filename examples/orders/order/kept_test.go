package order_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/order"
)

func openLedger(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(filepath.Join(t.TempDir(), "order.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// revive returns the service as another process has it that finds the ledger.
func revive(t *testing.T, l *ledger.Ledger) *world {
	t.Helper()
	w := &world{}
	m, err := mediator.New(
		order.Kept("k", l),
		mediator.Subscribe(hear[messages.OrderCreated](w)),
		mediator.Subscribe(hear[messages.PaymentRequested](w)),
		mediator.Subscribe(hear[messages.OrderCompleted](w)),
		mediator.Subscribe(hear[messages.OrderCancelled](w)),
		mediator.OnStart(order.Resume),
	)
	require.NoError(t, err)
	w.m = m
	t.Cleanup(func() { require.NoError(t, m.Close(t.Context())) })
	return w
}

func TestAnotherProcessGoesOn(t *testing.T) {
	l := openLedger(t)
	w := revive(t, l)
	fresh, asked, done, refused := w.place(t, cups), w.place(t, cups), w.place(t, cups), w.place(t, cups)
	publish(t, w, messages.InventoryReserved{OrderID: asked.OrderID})
	publish(t, w, messages.InventoryReserved{OrderID: done.OrderID})
	publish(t, w, messages.PaymentProcessed{OrderID: done.OrderID})
	publish(t, w, messages.InventoryRejected{OrderID: refused.OrderID, Reason: messages.OutOfStock})
	before := w.counts(t)

	w = revive(t, l)
	require.Equal(t, before, w.counts(t))
	require.Equal(t, []any{fresh}, w.heard, "it may have died before it told of it")
	publish(t, w, messages.InventoryReserved{OrderID: asked.OrderID})
	require.Equal(t, messages.PaymentRequested{OrderID: asked.OrderID, Card: "visa-4242", Cents: 2500}, w.last(), "again")
	publish(t, w, messages.PaymentProcessed{OrderID: done.OrderID})
	require.Equal(t, messages.OrderCompleted{Order: done}, w.last(), "again")
	publish(t, w, messages.InventoryRejected{OrderID: refused.OrderID, Reason: messages.OutOfStock})
	require.Equal(t, messages.OrderCancelled{Order: refused, Reason: messages.OutOfStock}, w.last(), "again")
	heard := len(w.heard)
	publish(t, w, messages.InventoryReserved{OrderID: done.OrderID})
	publish(t, w, messages.PaymentFailed{OrderID: done.OrderID})
	publish(t, w, messages.InventoryReserved{OrderID: "k99"})
	require.Len(t, w.heard, heard, "too late, or nobody's")
	require.Equal(t, before, w.counts(t))

	publish(t, w, messages.InventoryReserved{OrderID: fresh.OrderID})
	publish(t, w, messages.PaymentProcessed{OrderID: fresh.OrderID})
	publish(t, w, messages.PaymentProcessed{OrderID: asked.OrderID})
	require.NotContains(t, []string{fresh.OrderID, asked.OrderID, done.OrderID, refused.OrderID}, w.place(t, cups).OrderID)
	c := w.counts(t)
	require.EqualValues(t, 5, c.Placed)
	require.EqualValues(t, 3, c.Completed)
	require.EqualValues(t, 1, c.Open)
}

func TestOrderWithAnIDIsPlacedOnce(t *testing.T) {
	l := openLedger(t)
	w := revive(t, l)
	mine := cups
	mine.OrderID = "mine-1"
	down := errors.New("down")
	w.fail = func(any) error { return down }
	_, err := mediator.Send(t.Context(), w.m, mine)
	require.ErrorIs(t, err, down)
	require.EqualValues(t, 1, w.counts(t).Open, "it waits to be asked for again")
	w.fail = nil
	for range 2 {
		o := w.place(t, mine)
		require.Equal(t, mine.OrderID, o.OrderID)
		w = revive(t, l)
	}
	publish(t, w, messages.InventoryReserved{OrderID: mine.OrderID})
	heard := len(w.heard)
	for range 2 {
		receipt, err := mediator.Send(t.Context(), w.m, mine)
		require.NoError(t, err)
		require.Equal(t, mine.OrderID, receipt.OrderID)
		require.Len(t, w.heard, heard, "the inventory has heard of it")
		publish(t, w, messages.PaymentProcessed{OrderID: mine.OrderID})
		w = revive(t, l)
		heard = len(w.heard)
	}
	require.Equal(t, messages.OrderCounts{Placed: 1, Completed: 1, RevenueCents: 2500, Cancelled: map[messages.Reason]int64{}}, w.counts(t))
}

// Nobody else would have it told that an order failed.
func TestFailureIsToldByTheNextProcess(t *testing.T) {
	l := openLedger(t)
	w := revive(t, l)
	down := errors.New("down")
	w.fail = func(any) error { return down }
	_, err := mediator.Send(t.Context(), w.m, cups)
	require.ErrorIs(t, err, down)
	w = revive(t, l)
	require.Len(t, w.heard, 1)
	require.IsType(t, messages.OrderCancelled{}, w.last())
	require.Equal(t, messages.OrderCounts{Placed: 1, Cancelled: map[messages.Reason]int64{messages.Failed: 1}}, w.counts(t))
}

func TestLedgerThatFails(t *testing.T) {
	l := openLedger(t)
	w := revive(t, l)
	o := w.place(t, cups)
	heard := len(w.heard)
	require.NoError(t, l.Close())
	require.Error(t, mediator.Publish(t.Context(), w.m, messages.InventoryReserved{OrderID: o.OrderID}))
	_, err := mediator.Send(t.Context(), w.m, cups)
	require.Error(t, err)
	require.Len(t, w.heard, heard, "what is not kept is not told")
	_, err = mediator.New(order.Kept("k", l))
	require.ErrorContains(t, err, "ledger: database not open")
}
