package deadletter_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestALookAtTheMessageIsNoAttempt(t *testing.T) {
	for name, runs := range map[string]int{"before the first run": 0, "between two": 1} {
		t.Run(name, func(t *testing.T) {
			store, h := deadletter.NewMemory(), &switched{err: errDeclined}
			viewing, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
			giveUp := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				go func() {
					defer close(ended)
					_ = next(ctx, c)
				}()
				<-viewing
				return errors.New("took too long")
			})
			look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				for range runs {
					_ = next(ctx, c)
				}
				return c.View(func(any) error { close(viewing); <-release; return nil })
			})
			m := newMediator(t, mediator.Use(deadletter.Behavior(store), giveUp, look), mediator.Handle(h.charge))
			fail(t, m, 1)
			close(release)
			<-ended
			require.Equal(t, runs, h.count())
			require.Equal(t, runs, theLetter(t, store).Attempts)
		})
	}
}

func TestAStreamThatIsNotRunHasNoAttempt(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.HandleStream(func(context.Context, Rates) iter.Seq2[int, error] { t.Error("called"); return nil }))
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, err := range mediator.Stream(ctx, m, Rates{}) {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Zero(t, theLetter(t, store).Attempts)
}
