package neighbor_test

import (
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type plain struct{}

func (plain) Wrap(next mediator.Next) mediator.Next { return next }

type apart struct{ plain }

func (apart) StandsApart() {}

type sometimes struct{ plain }

func (sometimes) MayStandApart() {}

func TestNeighbors(t *testing.T) {
	for b, want := range map[mediator.Behavior]struct{ perhaps, surely bool }{
		plain{}:     {true, true},
		apart{}:     {false, false},
		sometimes{}: {true, false},
	} {
		require.Equal(t, want.perhaps, neighbor.Perhaps(b), "%T", b)
		require.Equal(t, want.surely, neighbor.Surely(b), "%T", b)
	}
}
