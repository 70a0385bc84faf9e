package mediator_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// A look at a stream's message is no run of its handler: there is nothing to interrupt,
// and nothing to end when it is given up.
func TestAViewOfAStreamMayBeInterruptedAndGivenUp(t *testing.T) {
	viewing, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	errLate, interrupted := errors.New("took too long"), true
	m := newMediator(t,
		mediator.Use(
			mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				go func() {
					defer close(ended)
					_ = next(ctx, c)
				}()
				<-viewing
				interrupted = c.Interrupt(errLate)
				return errLate
			}),
			mediator.Around(func(_ context.Context, c mediator.Call, _ mediator.Next) error {
				return c.View(func(any) error { close(viewing); <-release; return nil })
			})),
		mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] { t.Error("called"); return nil }))
	var err error
	for _, err = range mediator.Stream(t.Context(), m, count{}) {
	}
	close(release)
	<-ended
	require.Equal(t, errLate, err)
	require.False(t, interrupted)
}
