package payment_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/payment"
)

func TestAnotherProcessGoesOn(t *testing.T) {
	l, err := ledger.Open(filepath.Join(t.TempDir(), "payment.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	var charged, refunded []string
	var told []any
	revive := func() *mediator.Mediator {
		charged, refunded, told = nil, nil, nil
		m, err := mediator.New(
			payment.Kept(payment.Provider{
				Charge: func(_ context.Context, p messages.PaymentRequested) error {
					charged = append(charged, p.OrderID)
					if p.Card == "bad" {
						return &payment.DeclinedError{Detail: "no"}
					}
					return nil
				},
				Refund: func(_ context.Context, p messages.PaymentRequested) error {
					refunded = append(refunded, p.OrderID)
					return nil
				},
			}, l),
			mediator.Subscribe(func(_ context.Context, e messages.PaymentProcessed) error { told = append(told, e); return nil }),
			mediator.Subscribe(func(_ context.Context, e messages.PaymentFailed) error { told = append(told, e); return nil }),
		)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
		return m
	}
	m := revive()
	count := func() messages.PaymentCounts {
		c, err := mediator.Send(t.Context(), m, messages.CountPayments{})
		require.NoError(t, err)
		return c
	}
	request := func(id, card string) {
		require.NoError(t, mediator.Publish(t.Context(), m, messages.PaymentRequested{OrderID: id, Card: card, Cents: 100}))
	}
	complete := func(id string) {
		require.NoError(t, mediator.Publish(t.Context(), m, messages.OrderCompleted{Order: messages.OrderCreated{OrderID: id, Qty: 1, UnitCents: 100}}))
	}
	cancel := func(id string) {
		require.NoError(t, mediator.Publish(t.Context(), m, messages.OrderCancelled{Order: messages.OrderCreated{OrderID: id}}))
	}
	for _, id := range []string{"open", "paid", "refunded"} {
		request(id, "good")
	}
	request("declined", "bad")
	request("gone", "bad")
	complete("paid")
	cancel("refunded")
	cancel("gone")
	cancel("early")
	want := messages.PaymentCounts{Charged: 3, ChargedCents: 300, RefundedCents: 100, Declined: 2, Open: 1}
	require.Equal(t, want, count())

	m = revive()
	require.Equal(t, want, count())
	for _, id := range []string{"open", "paid", "refunded", "declined", "gone", "early"} {
		request(id, "good")
	}
	complete("paid")
	cancel("refunded")
	require.Empty(t, charged)
	require.Empty(t, refunded)
	require.Equal(t, []any{messages.PaymentProcessed{OrderID: "open"}, messages.PaymentFailed{OrderID: "declined", Detail: "no"}}, told)
	cancel("open")
	require.Equal(t, []string{"open"}, refunded)
	m = revive()
	require.Equal(t, messages.PaymentCounts{Charged: 3, ChargedCents: 300, RefundedCents: 200, Declined: 2}, count())
}

// An order is not given up while its card is being charged: the money would stay.
func TestCancelWaitsForTheCharge(t *testing.T) {
	charging, answer := make(chan struct{}), make(chan struct{})
	refunds := 0
	m, err := mediator.New(payment.Module(payment.Provider{
		Charge: func(context.Context, messages.PaymentRequested) error { close(charging); <-answer; return nil },
		Refund: func(context.Context, messages.PaymentRequested) error { refunds++; return nil },
	}))
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close(context.Background())) }()
	done := make(chan error)
	go func() { done <- mediator.Publish(t.Context(), m, messages.PaymentRequested{OrderID: "o1", Cents: 100}) }()
	<-charging
	cancelled := messages.OrderCancelled{Order: messages.OrderCreated{OrderID: "o1"}}
	require.ErrorContains(t, mediator.Publish(t.Context(), m, cancelled), "just being charged")
	close(answer)
	require.NoError(t, <-done)
	require.NoError(t, mediator.Publish(t.Context(), m, cancelled))
	require.Equal(t, 1, refunds)
}
