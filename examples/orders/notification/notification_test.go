package notification_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var template = messages.OrderCreated{OrderID: "o7", Customer: "Ada", Email: "ada@example.com", SKU: "CUP", Qty: 2, UnitCents: 1250}

func TestNotices(t *testing.T) {
	var delivered []notification.Notice
	var answer error
	order := template
	m, err := mediator.New(notification.Module(func(_ context.Context, n notification.Notice) error {
		delivered = append(delivered, n)
		return answer
	}))
	require.NoError(t, err)
	sent := func() int64 {
		c, err := mediator.Send(t.Context(), m, messages.CountNotices{})
		require.NoError(t, err)
		return c.Sent
	}

	require.NoError(t, mediator.Publish(t.Context(), m, messages.OrderCompleted{Order: order}))
	require.NoError(t, mediator.Publish(t.Context(), m, messages.OrderCompleted{Order: order}), "told once, though it comes twice")
	order.OrderID = "o8"
	require.NoError(t, mediator.Publish(t.Context(), m, messages.OrderCancelled{Order: order, Reason: messages.OutOfStock}))
	require.Equal(t, []notification.Notice{
		{
			To: "ada@example.com", Subject: "Your order o7 is on its way",
			Body: "Dear Ada, 2 x CUP for 25.00 will be with you soon.",
		},
		{
			To: "ada@example.com", Subject: "Your order o8 was cancelled",
			Body: "Dear Ada, we could not send you 2 x CUP: out of stock. You have not been charged.",
		},
	}, delivered)
	require.EqualValues(t, 2, sent())

	answer = errors.New("mailbox full")
	order.OrderID = "o9"
	err = mediator.Publish(t.Context(), m, messages.OrderCompleted{Order: order})
	require.ErrorIs(t, err, answer)
	require.ErrorContains(t, err, "notice to ada@example.com")
	require.EqualValues(t, 2, sent(), "a notice that was not delivered does not count")
	require.NoError(t, m.Close(t.Context()))
}
