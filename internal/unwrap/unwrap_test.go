package unwrap_test

import (
	"slices"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/unwrap"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cover stands for what is inside.
type cover struct {
	mediator.BehaviorFunc
	inside mediator.Behavior
}

func (c *cover) Unwrap() mediator.Behavior { return c.inside }

type plain struct{ mediator.BehaviorFunc }

func TestAll(t *testing.T) {
	core := &plain{}
	inner := &cover{inside: core}
	outer, hollow, itself := &cover{inside: inner}, &cover{}, &cover{}
	itself.inside = itself
	for name, tc := range map[string]struct {
		of   mediator.Behavior
		all  []mediator.Behavior
		last mediator.Behavior
	}{
		"nothing":           {nil, nil, nil},
		"plain":             {core, []mediator.Behavior{core}, core},
		"two covers":        {outer, []mediator.Behavior{outer, inner, core}, core},
		"nothing inside":    {hollow, []mediator.Behavior{hollow}, hollow},
		"stands for itself": {itself, slices.Repeat([]mediator.Behavior{itself}, 100), itself},
	} {
		require.Equal(t, tc.all, slices.Collect(unwrap.All(tc.of)), name)
		require.Equal(t, tc.last, unwrap.Innermost(tc.of), name)
	}
}
