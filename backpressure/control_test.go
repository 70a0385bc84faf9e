package backpressure_test

import (
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// cover is a behavior that stands for another.
type cover struct {
	mediator.BehaviorFunc
	inside mediator.Behavior
}

func (c *cover) Unwrap() mediator.Behavior { return c.inside }

func TestOfLooksInside(t *testing.T) {
	control := backpressure.Of(backpressure.New(backpressure.Config{Capacity: 1}))
	require.NotNil(t, control)
	require.Same(t, control, backpressure.Of(&cover{inside: &cover{inside: control}}))
	itself := &cover{}
	itself.inside = itself
	for _, b := range []mediator.Behavior{nil, &cover{}, itself} {
		require.Nil(t, backpressure.Of(b))
	}
}
