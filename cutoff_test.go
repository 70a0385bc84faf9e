package mediator_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// leaves is a behavior that says all went well while its next still runs: from when
// the handler has told it to.
func leaves(now <-chan struct{}) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		go func() { _ = next(ctx, c) }()
		<-now
		return nil
	})
}

func TestAStreamThatABehaviorHasLeftIsCutOff(t *testing.T) {
	queued := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return mediator.NewQueue(mediator.QueueConfig{Capacity: 4}).Run(ctx, c, next)
	})
	for name, around := range map[string]struct{ outer, inner []mediator.Behavior }{
		"alone":          {},
		"between others": {noops(1), noops(1)},
		"queue inside":   {nil, []mediator.Behavior{queued}},
		"queue outside":  {[]mediator.Behavior{queued}, nil},
	} {
		for _, items := range []int{0, 3} {
			now, ended := make(chan struct{}), make(chan struct{})
			behaviors := slices.Concat(around.outer, []mediator.Behavior{leaves(now)}, around.inner)
			m := newMediator(t, mediator.Use(behaviors...), mediator.HandleStream(func(ctx context.Context, _ count) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					defer close(ended)
					for i := range items {
						if !yield(i, nil) {
							return
						}
					}
					close(now)
					<-ctx.Done()
					yield(items, nil)
				}
			}))
			got, err := collect(t, mediator.Stream(t.Context(), m, count{}))
			require.ErrorIs(t, err, mediator.ErrCallOver, name)
			require.ErrorContains(t, err, "a behavior returned nil while its next was running")
			require.LessOrEqual(t, len(got), items, name)
			<-ended
		}
	}
}

func TestAStreamThatABehaviorHasLeftAfterItsConsumerIsNoError(t *testing.T) {
	now, ended := make(chan struct{}), make(chan struct{})
	var seen error
	watch := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		seen = next(ctx, c)
		return seen
	})
	m := newMediator(t, mediator.Use(watch, leaves(now)), mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer close(ended)
			yield(0, nil)
			close(now)
		}
	}))
	for range mediator.Stream(t.Context(), m, count{}) {
		break
	}
	require.NoError(t, seen)
	<-ended
}
