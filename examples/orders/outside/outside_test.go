package outside_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
	"github.com/fsmediator/mediator/examples/orders/outside"
	"github.com/fsmediator/mediator/examples/orders/payment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCards(t *testing.T) {
	p := outside.Provider()
	charge := func(card string) error { return p.Charge(t.Context(), messages.PaymentRequested{Card: card}) }
	require.NoError(t, charge("visa-4242"))
	var declined *payment.DeclinedError
	require.ErrorAs(t, charge("visa-0002"), &declined)
	require.Equal(t, "insufficient funds", declined.Detail)
	require.ErrorAs(t, charge("visa-0069"), &declined)
	require.Equal(t, "expired card", declined.Detail)
	require.ErrorIs(t, charge("visa-0119"), outside.ErrNoAnswer)
	require.NoError(t, p.Refund(t.Context(), messages.PaymentRequested{}))
	require.NoError(t, outside.Deliver(t.Context(), notification.Notice{}))
}
