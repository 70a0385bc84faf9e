package rejection_test

import (
	"errors"
	"fmt"
	"testing"

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
