package notification_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
)

func TestAnotherProcessSendsNothingAgain(t *testing.T) {
	l, err := ledger.Open(filepath.Join(t.TempDir(), "notification.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	sent := 0
	for range 3 {
		m, err := mediator.New(notification.Kept(func(context.Context, notification.Notice) error { sent++; return nil }, l))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, messages.OrderCompleted{Order: messages.OrderCreated{OrderID: "o1"}}))
		require.NoError(t, mediator.Publish(t.Context(), m, messages.OrderCancelled{Order: messages.OrderCreated{OrderID: "o2"}}))
		c, err := mediator.Send(t.Context(), m, messages.CountNotices{})
		require.NoError(t, err)
		require.EqualValues(t, 2, c.Sent)
		require.NoError(t, m.Close(t.Context()))
	}
	require.Equal(t, 2, sent)
}
