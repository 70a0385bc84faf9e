package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// Found in Go resilience libraries: an operation runs under an already-cancelled
// context.
func TestFoundRetryStartsNoAttemptUnderAnEndedContext(t *testing.T) {
	cause := errors.New("shutdown")
	t.Run("the first", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})), failing(0, &calls))
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.Zero(t, calls)
	})
	t.Run("cancelled by the attempt before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})),
			mediator.Handle(func(context.Context, ask) (int, error) { calls++; cancel(cause); return 0, errFlaky }))
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, errFlaky)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.Equal(t, 1, calls)
	})
	t.Run("cancelled by OnRetry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var calls int
			m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{
				OnRetry: func(context.Context, behaviors.RetryEvent) { cancel(cause) }})), failing(100, &calls))
			_, err := mediator.Send(ctx, m, ask{})
			require.ErrorIs(t, err, cause)
			require.Equal(t, 1, calls)
		})
	})
}

// Found in Go resilience libraries: the cause of a cancellation is hidden from
// errors.Is.
func TestFoundCancellationWhileWaitingKeepsErrorAndCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("shutdown")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		var calls int
		begun := time.Now()
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Hour, Backoff: behaviors.Fixed})), failing(100, &calls))
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, errFlaky)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.Equal(t, time.Second, time.Since(begun))
		var gaveUp *behaviors.RetryError
		require.ErrorAs(t, err, &gaveUp)
		require.Equal(t, 1, gaveUp.Attempts())
	})
}

func TestRetryPassesTheCallersCancellationAsItIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})),
		mediator.Handle(func(ctx context.Context, _ ask) (int, error) { cancel(); return 0, ctx.Err() }))
	_, err := mediator.Send(ctx, m, ask{})
	require.Equal(t, context.Canceled, err)
}

// An answer that no retry would change was called cancelled, because its caller
// left at that moment: so it was in the figures, and left no dead letter.
func TestFoundAnErrorThatIsNotRetriedPassesThoughTheContextEnded(t *testing.T) {
	own := fmt.Errorf("sold out: %w", behaviors.ErrInvalid)
	ctx, cancel := context.WithCancelCause(t.Context())
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r, behaviors.Retry(behaviors.RetryConfig{})), askFor(func(context.Context) error {
		cancel(errors.New("closed the page"))
		return own
	}))
	_, err := mediator.Send(ctx, m, ask{})
	require.Equal(t, own, err)
	requireOnly(t, r.Snapshot().Total(), behaviors.Declined)
}

type busyUntil struct{ after time.Duration }

func (busyUntil) Error() string               { return "busy" }
func (e busyUntil) RetryAfter() time.Duration { return e.after }

func TestRetryWaitsAsTheErrorSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Second, MaxDelay: time.Minute, Backoff: behaviors.Fixed})),
			mediator.Handle(func(context.Context, ask) (int, error) {
				at = append(at, time.Now())
				switch len(at) {
				case 1:
					return 0, fmt.Errorf("wrapped: %w", busyUntil{time.Minute})
				case 2:
					return 0, busyUntil{0}
				}
				return 1, nil
			}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.Equal(t, time.Minute, at[1].Sub(at[0]))
		require.Equal(t, time.Second, at[2].Sub(at[1]), "0 says nothing")
	})
}

func TestRetryGivesUpAtOnceWhenTheWaitOutlastsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{MaxDelay: time.Hour})), always(busyUntil{time.Minute}, &calls))
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, busyUntil{time.Minute})
		require.ErrorIs(t, err, behaviors.ErrRetryTime)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Duration(0), time.Since(begun))
		require.Equal(t, 1, calls)
	})
}

func TestRetryMaxTotalCountsFromTheBeginAndCutsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 50, Delay: time.Second, Backoff: behaviors.Fixed, MaxTotal: 10 * time.Second})),
			mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
				calls++
				select {
				case <-time.After(3 * time.Second):
					return 0, errFlaky
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, behaviors.ErrRetryTime)
		require.ErrorIs(t, err, context.DeadlineExceeded, "the third attempt was cut short")
		var limit *behaviors.TimeoutError
		require.ErrorAs(t, err, &limit)
		require.Equal(t, 10*time.Second, limit.Limit)
		require.Equal(t, 3, calls)
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}

func TestRetryDoesNotWaitPastMaxTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 50, Delay: 4 * time.Second, Backoff: behaviors.Fixed, MaxTotal: 10 * time.Second})),
			failing(100, &calls))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, errFlaky)
		require.ErrorIs(t, err, behaviors.ErrRetryTime)
		require.Equal(t, 8*time.Second, time.Since(begun))
		require.Equal(t, 3, calls)
	})
}

func TestRetryLimitsEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{AttemptTimeout: time.Second, Backoff: behaviors.Fixed})),
			mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
				if calls++; calls == 3 {
					return 3, nil
				}
				<-ctx.Done()
				return 0, ctx.Err()
			}))
		begun := time.Now()
		n, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 2*time.Second+400*time.Millisecond, time.Since(begun))
	})
}

// The errors of a call that is retried for days were all kept.
func TestFoundRetryErrorIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		c := behaviors.RetryConfig{Retries: 1000, Delay: time.Second, Backoff: behaviors.Fixed, Budget: behaviors.NoBudget()}
		m := newMediator(t, mediator.Use(behaviors.Retry(c)), failing(2000, &calls))
		_, err := mediator.Send(t.Context(), m, ask{})
		var gaveUp *behaviors.RetryError
		require.ErrorAs(t, err, &gaveUp)
		require.EqualError(t, gaveUp.Err, "down 1001")
		require.Len(t, gaveUp.Earlier, 100)
		require.EqualError(t, gaveUp.Earlier[0], "down 1")
		require.EqualError(t, gaveUp.Earlier[1], "down 902")
		require.EqualError(t, gaveUp.Earlier[99], "down 1000")
	})
}
