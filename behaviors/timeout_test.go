package behaviors_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// patient is a handler that waits for its context to end.
func patient(give func(ctx context.Context) error) mediator.Option {
	return mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
		<-ctx.Done()
		return 0, give(ctx)
	})
}

func TestTimeoutEndsTheContextWithACauseThatSaysWhich(t *testing.T) {
	own := errors.New("query was cancelled")
	for name, give := range map[string]func(context.Context) error{
		"context's error": func(ctx context.Context) error { return ctx.Err() },
		"its cause":       context.Cause,
		"another error":   func(context.Context) error { return own },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMediator(t, mediator.Use(behaviors.Timeout(time.Second)), patient(give))
				begun := time.Now()
				_, err := mediator.Send(t.Context(), m, ask{})
				require.Equal(t, time.Second, time.Since(begun))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				var limit *behaviors.TimeoutError
				require.ErrorAs(t, err, &limit)
				require.Equal(t, time.Second, limit.Limit)
				require.True(t, limit.Timeout())
				if name == "another error" {
					require.ErrorIs(t, err, own)
				}
			})
		})
	}
}

func TestTimeoutIsSkippedWhenTheCallersDeadlineIsEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the caller's")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		var got context.Context
		m := newMediator(t, mediator.Use(behaviors.Timeout(time.Second)), mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
			got = ctx
			<-ctx.Done()
			return 0, ctx.Err()
		}))
		_, err := mediator.Send(ctx, m, ask{})
		require.Equal(t, ctx, got)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, cause)
		var limit *behaviors.TimeoutError
		require.NotErrorAs(t, err, &limit)
	})
}

func TestTimeoutLeavesWhatIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, want := range []error{nil, errFlaky} {
			m := newMediator(t, mediator.Use(behaviors.Timeout(time.Second)), always(want, new(int)))
			_, err := mediator.Send(t.Context(), m, ask{})
			require.Equal(t, want, err)
		}
		late := newMediator(t, mediator.Use(behaviors.Timeout(time.Second)), patient(func(context.Context) error { return nil }))
		_, err := mediator.Send(t.Context(), late, ask{})
		require.NoError(t, err, "a success stays one")
	})
}

func TestTimeoutOfTheCallersCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("shutdown")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		m := newMediator(t, mediator.Use(behaviors.Timeout(time.Minute)), patient(context.Context.Err))
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestFoundTimeoutRunsNothingUnderAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("gone")
	cancel(cause)
	var calls int
	m := newMediator(t, mediator.Use(behaviors.Timeout(time.Minute)), always(nil, &calls))
	_, err := mediator.Send(ctx, m, ask{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, cause)
	require.Zero(t, calls)
}

func TestTimeoutOfAStreamIsForTheWholeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Use(behaviors.Timeout(3*time.Second)),
			mediator.HandleStream(func(context.Context, letters) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for yield("a", nil) {
						time.Sleep(2 * time.Second)
					}
				}
			}))
		got, err := collect(t.Context(), m, "")
		require.Equal(t, "aa", got)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var limit *behaviors.TimeoutError
		require.ErrorAs(t, err, &limit)
	})
}

func TestTimeoutRefusesNonsense(t *testing.T) {
	require.PanicsWithValue(t, "behaviors: Timeout: 0s is not positive", func() { behaviors.Timeout(0) })
}

func TestTimeoutWaitsForAHandlerThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Use(behaviors.Timeout(time.Second)), askFor(func(context.Context) error {
			time.Sleep(time.Minute)
			return errFlaky
		}))
		begun := time.Now()
		_, err := mediator.Send(t.Context(), m, ask{})
		require.Equal(t, time.Minute, time.Since(begun))
		require.ErrorIs(t, err, errFlaky)
	})
}
