package payment_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/payment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the payment service between a provider that answers as told and
// functions that note what the service says.
type world struct {
	m                 *mediator.Mediator
	answer            error // of the provider
	deaf              error // of who hears the service
	charged, refunded []messages.PaymentRequested
	processed         []messages.PaymentProcessed
	failed            []messages.PaymentFailed
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	m, err := mediator.New(
		payment.Module(payment.Provider{
			Charge: func(_ context.Context, p messages.PaymentRequested) error {
				w.charged = append(w.charged, p)
				return w.answer
			},
			Refund: func(_ context.Context, p messages.PaymentRequested) error {
				w.refunded = append(w.refunded, p)
				return w.answer
			},
		}),
		mediator.Subscribe(func(_ context.Context, e messages.PaymentProcessed) error {
			w.processed = append(w.processed, e)
			return w.deaf
		}),
		mediator.Subscribe(func(_ context.Context, e messages.PaymentFailed) error {
			w.failed = append(w.failed, e)
			return w.deaf
		}),
	)
	require.NoError(t, err)
	w.m = m
	t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
	return w
}

func (w *world) counts(t *testing.T) messages.PaymentCounts {
	t.Helper()
	c, err := mediator.Send(t.Context(), w.m, messages.CountPayments{})
	require.NoError(t, err)
	return c
}

var (
	bill  = messages.PaymentRequested{OrderID: "o1", Card: "visa-4242", Cents: 2500}
	order = messages.OrderCreated{OrderID: "o1"}
)

func TestCharge(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, mediator.Publish(t.Context(), w.m, bill))
	require.Equal(t, []messages.PaymentRequested{bill}, w.charged)
	require.Equal(t, []messages.PaymentProcessed{{OrderID: "o1"}}, w.processed)
	require.Equal(t, messages.PaymentCounts{Charged: 1, ChargedCents: 2500, Open: 1}, w.counts(t))

	require.NoError(t, mediator.Publish(t.Context(), w.m, messages.OrderCompleted{Order: order}))
	require.Equal(t, messages.PaymentCounts{Charged: 1, ChargedCents: 2500}, w.counts(t))
	require.NoError(t, mediator.Publish(t.Context(), w.m, messages.OrderCancelled{Order: order}))
	require.Empty(t, w.refunded, "a completed order keeps its money")
}

func TestDeclined(t *testing.T) {
	w := newWorld(t)
	w.answer = fmt.Errorf("provider: %w", &payment.DeclinedError{Detail: "expired card"})
	require.EqualError(t, w.answer, "provider: card declined: expired card")
	require.NoError(t, mediator.Publish(t.Context(), w.m, bill))
	require.Empty(t, w.processed)
	require.Equal(t, []messages.PaymentFailed{{OrderID: "o1", Detail: "expired card"}}, w.failed)
	require.NoError(t, mediator.Publish(t.Context(), w.m, messages.OrderCancelled{Order: order}))
	require.Empty(t, w.refunded)
	require.Equal(t, messages.PaymentCounts{Declined: 1}, w.counts(t))
}

func TestProviderDown(t *testing.T) {
	w := newWorld(t)
	w.answer = errors.New("provider is down")
	require.ErrorIs(t, mediator.Publish(t.Context(), w.m, bill), w.answer)
	require.Empty(t, w.processed)
	require.Empty(t, w.failed, "nobody knows yet")
	require.Zero(t, w.counts(t))

	w.answer = nil
	require.NoError(t, mediator.Publish(t.Context(), w.m, bill))
	require.Len(t, w.processed, 1)
}

func TestChargesOnce(t *testing.T) {
	w := newWorld(t)
	w.deaf = errors.New("nobody listens")
	require.ErrorIs(t, mediator.Publish(t.Context(), w.m, bill), w.deaf)
	w.deaf = nil
	require.NoError(t, mediator.Publish(t.Context(), w.m, bill))
	require.Len(t, w.charged, 1)
	require.Len(t, w.processed, 2, "what was not heard is said again")
	require.Equal(t, messages.PaymentCounts{Charged: 1, ChargedCents: 2500, Open: 1}, w.counts(t))
}

func TestRefund(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, mediator.Publish(t.Context(), w.m, bill))
	cancelled := messages.OrderCancelled{Order: order, Reason: messages.Failed}
	w.answer = errors.New("provider is down")
	require.ErrorIs(t, mediator.Publish(t.Context(), w.m, cancelled), w.answer)
	require.EqualValues(t, 1, w.counts(t).Open)

	w.answer = nil
	require.NoError(t, mediator.Publish(t.Context(), w.m, cancelled))
	require.NoError(t, mediator.Publish(t.Context(), w.m, cancelled))
	require.Equal(t, []messages.PaymentRequested{bill, bill}, w.refunded, "the one that failed, and one more")
	require.Equal(t, messages.PaymentCounts{Charged: 1, ChargedCents: 2500, RefundedCents: 2500}, w.counts(t))
}
