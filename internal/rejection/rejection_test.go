package rejection_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheGuardsOfBehaviorsAreKnown(t *testing.T) {
	for _, err := range []error{behaviors.ErrOpen, behaviors.ErrLimited, behaviors.ErrFull, behaviors.ErrMemory} {
		require.True(t, rejection.Is(err), err)
		require.True(t, rejection.Is(fmt.Errorf("charge: %w", err)), err)
	}
	require.False(t, rejection.Is(nil))
	require.False(t, rejection.Is(errors.New("broken")))
	require.False(t, rejection.Is(behaviors.ErrInvalid), "it is an answer")
}

func TestUnsubscribedSaysNoMore(t *testing.T) {
	stopped, broken := mediator.ErrUnsubscribed, errors.New("broken")
	for _, err := range []error{stopped, fmt.Errorf("audit: %w", stopped), errors.Join(stopped), &behaviors.RetryError{Tries: 1, Err: stopped}} {
		require.True(t, rejection.Unsubscribed(err), err)
	}
	for _, err := range []error{nil, broken, errors.Join(broken, stopped), fmt.Errorf("%w, then %w", stopped, broken),
		fmt.Errorf("audit: %w", &behaviors.RetryError{Tries: 2, Err: stopped})} {
		require.False(t, rejection.Unsubscribed(err), err)
	}
}
