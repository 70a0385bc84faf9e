package mediator_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// wrapping is an error of which a nil pointer panics when it is asked what it wraps.
type wrapping struct{ inner error }

func (*wrapping) Error() string   { return "wrapping" }
func (w *wrapping) Unwrap() error { return w.inner }

// The nil pointer that is no nil error is the usual mistake, and its subscriber's own.
func TestASubscribersErrorIsNotAskedAtOthersCost(t *testing.T) {
	for name, how := range map[string]mediator.SharedPublish{"in sequence": mediator.Sequential(), "in parallel": mediator.Parallel(0)} {
		for _, around := range [][]mediator.Behavior{nil, noops(1)} {
			for others := range 2 {
				t.Run(name, func(t *testing.T) {
					ran := 0
					opts := []mediator.Option{how, mediator.Use(around...),
						mediator.Subscribe(func(context.Context, created) error { return (*wrapping)(nil) }, mediator.Group("broken"))}
					for range others {
						opts = append(opts, mediator.Subscribe(func(context.Context, created) error { ran++; return nil }))
					}
					m, err := mediator.New(opts...)
					require.NoError(t, err)
					require.NotPanics(t, func() { err = mediator.Publish(t.Context(), m, created{}) })
					var failed *mediator.Error
					require.ErrorAs(t, err, &failed)
					require.Equal(t, "broken", failed.Group)
					require.Equal(t, (*wrapping)(nil), failed.Err, "it did not panic")
					require.Equal(t, others, ran)
				})
			}
		}
	}
}
