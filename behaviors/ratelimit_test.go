package behaviors_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func TestRateLimitRejectsAndTellsWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exec := actor(t, behaviors.RateLimit(behaviors.NewLimiter(10, 3)))
		for range 3 {
			require.NoError(t, exec(t.Context(), succeed))
		}
		time.Sleep(30 * time.Millisecond)
		err := exec(t.Context(), func(context.Context) error { t.Error("ran"); return nil })
		require.ErrorIs(t, err, behaviors.ErrLimited)
		var after interface{ RetryAfter() time.Duration }
		require.ErrorAs(t, err, &after)
		require.Equal(t, 70*time.Millisecond, after.RetryAfter())
		time.Sleep(after.RetryAfter() - 1)
		require.ErrorIs(t, exec(t.Context(), succeed), behaviors.ErrLimited)
		time.Sleep(1 * time.Nanosecond)
		require.NoError(t, exec(t.Context(), succeed))
		require.ErrorIs(t, exec(t.Context(), succeed), behaviors.ErrLimited)
	})
}

// also any Allow/Wait limiter
func TestRateLimitTakesTheLimiterOfXTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exec := actor(t, behaviors.RateLimit(rate.NewLimiter(10, 1)))
		require.NoError(t, exec(t.Context(), succeed))
		err := exec(t.Context(), succeed)
		require.ErrorIs(t, err, behaviors.ErrLimited)
		var after interface{ RetryAfter() time.Duration }
		require.NotErrorAs(t, err, &after, "it cannot tell")
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, exec(t.Context(), succeed))
	})
}

func TestRateLimitWaitTakesTheLimiterOfXTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exec := actor(t, behaviors.RateLimitWait(rate.NewLimiter(10, 1), 150*time.Millisecond))
		begun := time.Now()
		require.NoError(t, exec(t.Context(), succeed))
		require.NoError(t, exec(t.Context(), succeed))
		require.Equal(t, 100*time.Millisecond, time.Since(begun))
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = exec(t.Context(), succeed) })
		}
		wg.Wait()
		require.ErrorIs(t, errors.Join(errs...), behaviors.ErrLimited)
		require.Equal(t, 200*time.Millisecond, time.Since(begun), "two were rejected at once")

		errCause := errors.New("gone home")
		ctx, cancel := context.WithCancelCause(t.Context())
		wg.Go(func() { errs[0] = exec(ctx, succeed) })
		synctest.Wait()
		cancel(errCause)
		wg.Wait()
		require.ErrorIs(t, errs[0], context.Canceled)
		require.ErrorIs(t, errs[0], errCause)
		require.NotErrorIs(t, errs[0], behaviors.ErrLimited)
	})
}

func TestRateLimitWaitWaitsForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exec := actor(t, behaviors.RateLimitWait(behaviors.NewLimiter(10, 2), 300*time.Millisecond))
		begun := time.Now()
		for i := range 6 {
			require.NoError(t, exec(t.Context(), succeed))
			require.Equal(t, time.Duration(max(0, i-1))*100*time.Millisecond, time.Since(begun))
		}
		ran, limited := 0, 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				err := exec(t.Context(), succeed)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					ran++
				} else {
					require.ErrorIs(t, err, behaviors.ErrLimited)
					limited++
				}
			})
		}
		wg.Wait()
		require.Equal(t, 3, ran, "as many as there are places in 300ms")
		require.Equal(t, 7, limited)
	})
}

// an operation runs under an already-cancelled context
func TestFoundRateLimitTakesNoPlaceUnderAnEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errCause := errors.New("gone home")
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		l := behaviors.NewLimiter(1, 1)
		for _, exec := range []func(context.Context, func(context.Context) error) error{
			actor(t, behaviors.RateLimit(l)), actor(t, behaviors.RateLimitWait(l, time.Hour)), actor(t, behaviors.RateLimit(rate.NewLimiter(1, 1))),
		} {
			err := exec(ended, func(context.Context) error { t.Error("ran"); return nil })
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, errCause)
		}
		require.ErrorIs(t, l.Wait(ended), errCause)
		require.True(t, l.Allow())
	})
}

func TestRateLimitCountsAStreamOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := counter(t, behaviors.RateLimit(behaviors.NewLimiter(1, 1)))
		n := 0
		for _, err := range stream(func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) }) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 2, n)
		for _, err := range stream(func(yield func(int, error) bool) { yield(1, nil) }) {
			require.ErrorIs(t, err, behaviors.ErrLimited)
		}
	})
}

func TestRateLimitAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.RateLimit(behaviors.NewLimiter(1e9, 1000)))
	requireNoAllocs(t, behaviors.RateLimitWait(behaviors.NewLimiter(1e9, 1000), time.Second))
	requireNoAllocs(t, behaviors.RateLimit(rate.NewLimiter(rate.Inf, 1)))
}

func TestRateLimitRefusesAConfigurationThatMakesNoSense(t *testing.T) {
	requirePanics(t, "the limiter is nil", func() { behaviors.RateLimit(nil) })
	requirePanics(t, "maxWait is 0s", func() { behaviors.RateLimitWait(behaviors.NewLimiter(1, 1), 0) })
	requirePanics(t, "perSecond is 0, not above 0", func() { behaviors.NewLimiter(0, 1) })
	requirePanics(t, "burst is 0", func() { behaviors.NewLimiter(1, 0) })
}

// unhurried is a limiter that has no place as long as anybody waits.
type unhurried struct{}

func (unhurried) Allow() bool                    { return false }
func (unhurried) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// the longest wait of another's limiter was taken for a timeout of the call
func TestFoundRateLimitWaitOfAnotherLimiterIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exec := actor(t, behaviors.RateLimitWait(unhurried{}, time.Second))
		err := exec(t.Context(), succeed)
		require.ErrorIs(t, err, behaviors.ErrLimited)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1s")
		require.Equal(t, behaviors.Rejected, behaviors.EndingOf(t.Context(), err))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		err = exec(ctx, succeed)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, behaviors.ErrLimited)
	})
}

// roomy is a Limiter that has refused, and has room again when it is asked when.
type roomy struct{ unlimited }

func (roomy) Allow() bool               { return false }
func (roomy) RetryAfter() time.Duration { return 0 }

func TestRateLimitTellsOfSomeTimeWhereThereIsRoomAgain(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.RateLimit(roomy{})), askFor(func(context.Context) error { return nil }))
	_, err := mediator.Send(t.Context(), m, ask{})
	var limited *behaviors.LimitedError
	require.ErrorAs(t, err, &limited)
	require.Equal(t, time.Microsecond, limited.RetryAfter(), "0 would say that nobody knows")
}
