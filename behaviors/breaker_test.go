package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// act is a command that does what it is told.
type act struct {
	mediator.Command
	do func(ctx context.Context) error
}

const actName = "behaviors_test.act"

var errDown = errors.New("down")

func succeed(context.Context) error { return nil }
func fail(context.Context) error    { return errDown }

// actor returns a mediator's Exec of what it is given, inside the behaviors.
func actor(t testing.TB, bs ...mediator.Behavior) func(ctx context.Context, do func(context.Context) error) error {
	t.Helper()
	m := newMediator(t, mediator.Use(bs...), mediator.HandleCommand(func(ctx context.Context, a act) error { return a.do(ctx) }))
	return func(ctx context.Context, do func(context.Context) error) error {
		return mediator.Exec(ctx, m, act{do: do})
	}
}

// requireRejected checks err to be a breaker's rejection and returns when to come
// back.
func requireRejected(t testing.TB, err error) time.Duration {
	t.Helper()
	require.ErrorIs(t, err, behaviors.ErrOpen)
	var open *behaviors.OpenError
	require.ErrorAs(t, err, &open)
	return open.RetryAfter()
}

// failure ratio, minimum throughput
func TestBreakerOpensAtTheRatioOnceThereAreEnoughCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{FailureRatio: 0.5, MinCalls: 6})
		exec := actor(t, b)
		for range 3 {
			require.NoError(t, exec(t.Context(), succeed))
		}
		for range 2 {
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
		}
		require.Equal(t, behaviors.StateClosed, b.State(), "5 calls are fewer than MinCalls")
		require.ErrorIs(t, exec(t.Context(), fail), errDown)
		require.Equal(t, behaviors.StateOpen, b.State())
		ran := false
		err := exec(t.Context(), func(context.Context) error { ran = true; return nil })
		require.Equal(t, 30*time.Second, requireRejected(t, err))
		require.False(t, ran)
	})
}

func TestBreakerStaysClosedBelowTheRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{FailureRatio: 0.6, MinCalls: 2})
		exec := actor(t, b)
		for range 50 {
			require.NoError(t, exec(t.Context(), succeed))
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
		}
		require.Equal(t, behaviors.StateClosed, b.State())
		s := b.Snapshot()
		require.Len(t, s, 1)
		require.Equal(t, actName, s[0].Key)
		require.Equal(t, 50, s[0].Successes)
		require.Equal(t, 50, s[0].Failures)
	})
}

// sliding time window of 10 slices
func TestBreakerWindowSlidesByTenths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{FailureRatio: 1, MinCalls: 100, Window: 10 * time.Second})
		exec := actor(t, b)
		failures := func() int { return b.Snapshot()[0].Failures }
		for i := range 10 {
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
			require.Equal(t, i+1, failures())
			time.Sleep(time.Second)
		}
		for i := range 10 {
			require.Equal(t, 9-i, failures(), "one tenth of the window is forgotten at a time")
			time.Sleep(time.Second)
		}
		require.Zero(t, failures())
	})
}

func TestBreakerForgetsFailuresOutsideTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{FailureRatio: 0.5, MinCalls: 3, Window: 10 * time.Second})
		exec := actor(t, b)
		for range 20 {
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
			time.Sleep(6 * time.Second)
		}
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

// consecutive failures
func TestBreakerOpensOnConsecutiveFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 3})
		exec := actor(t, b)
		for range 10 {
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
			require.NoError(t, exec(t.Context(), succeed))
		}
		require.Equal(t, behaviors.StateClosed, b.State(), "no ratio was asked for")
		for range 3 {
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
			time.Sleep(24 * time.Hour)
		}
		require.Equal(t, uint64(1), b.Snapshot()[0].Changes)
	})
}

// slow-call ratio
func TestBreakerOpensOnSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{SlowCall: time.Second, SlowRatio: 0.5, MinCalls: 4, Trials: 1})
		exec := actor(t, b)
		take := func(d time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(d); return nil }
		}
		for range 2 {
			require.NoError(t, exec(t.Context(), take(time.Second)))
		}
		require.NoError(t, exec(t.Context(), take(time.Second+1)))
		require.Equal(t, behaviors.StateClosed, b.State())
		require.NoError(t, exec(t.Context(), take(time.Second+1)))
		time.Sleep(requireRejected(t, exec(t.Context(), succeed)))

		require.NoError(t, exec(t.Context(), take(2*time.Second)))
		require.Equal(t, behaviors.StateOpen, b.State(), "a slow trial has failed")
	})
}

// break duration that grows per reopening, with jitter; the rejection tells when
// to come back
func TestBreakerBreaksGrowWithJitterUpToMaxBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jittered := false
		for range 20 {
			b := behaviors.CircuitBreaker(behaviors.BreakerConfig{
				ConsecutiveFailures: 1, Break: time.Second, BreakFactor: 3, MaxBreak: 10 * time.Second, Jitter: 0.5, Trials: 1})
			exec := actor(t, b)
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
			for _, longest := range []time.Duration{time.Second, 3 * time.Second, 9 * time.Second, 10 * time.Second, 10 * time.Second} {
				after := requireRejected(t, exec(t.Context(), succeed))
				require.LessOrEqual(t, after, longest)
				if longest == time.Second {
					require.Equal(t, longest, after, "the first break is as configured")
				} else {
					require.GreaterOrEqual(t, after, longest/2)
					jittered = jittered || after != longest
				}
				time.Sleep(after - 1)
				require.Equal(t, time.Duration(1), requireRejected(t, exec(t.Context(), succeed)))
				time.Sleep(1 * time.Nanosecond)
				require.ErrorIs(t, exec(t.Context(), fail), errDown, "a trial")
			}
			b.Reset()
			require.ErrorIs(t, exec(t.Context(), fail), errDown)
			require.Equal(t, time.Second, requireRejected(t, exec(t.Context(), succeed)), "growth ends with the reopenings")
		}
		require.True(t, jittered)
	})
}

// caller's own cancellation is no failure
func TestFault9CallersCancellationIsNoFailureOfTheBreaker(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	exec := actor(t, b)
	ctx, cancel := context.WithCancelCause(t.Context())
	err := exec(ctx, func(ctx context.Context) error {
		cancel(errors.New("changed my mind"))
		return fmt.Errorf("query: %w", ctx.Err())
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, behaviors.StateClosed, b.State())

	err = exec(t.Context(), func(context.Context) error { return context.Canceled })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, behaviors.StateOpen, b.State(), "the handler's own cancellation is a failure")
}

func TestBreakerCountsADeadlineThatPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := actor(t, b)(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, behaviors.StateOpen, b.State())
	})
}

// the operation runs under an already-cancelled context; the cause of a
// cancellation is hidden from errors.Is
func TestFoundBreakerRunsNothingUnderAnEndedContext(t *testing.T) {
	errCause := errors.New("cause")
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	err := actor(t, b)(ctx, func(context.Context) error { t.Error("ran"); return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errCause)
	require.Equal(t, behaviors.StateClosed, b.State())
}

// "The breaker wraps errors so that the retry outside it never retries."
func TestFault4BreakerPassesErrorsUnchanged(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	sent := &statusError{code: 503}
	got := actor(t, b)(t.Context(), func(context.Context) error { return sent })
	require.Same(t, error(sent), got)
}

func TestFault4RetryOutsideABreakerRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exec := actor(t, behaviors.Retry(behaviors.RetryConfig{Retries: 2, Delay: time.Second}), behaviors.CircuitBreaker(behaviors.BreakerConfig{}))
		runs := 0
		require.NoError(t, exec(t.Context(), func(context.Context) error {
			if runs++; runs < 3 {
				return &statusError{code: 503}
			}
			return nil
		}))
		require.Equal(t, 3, runs)
	})
}

func TestBreakerCountsPanicsAndGoexit(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 2})
	exec := actor(t, b)
	require.PanicsWithValue(t, "boom", func() { _ = exec(t.Context(), func(context.Context) error { panic("boom") }) })
	require.Equal(t, 1, b.Snapshot()[0].ConsecutiveFailures)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = exec(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
	}()
	<-done
	require.Equal(t, behaviors.StateOpen, b.State())
}

func TestBreakerClosedAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.CircuitBreaker(behaviors.BreakerConfig{}))
	requireNoAllocs(t, behaviors.CircuitBreaker(behaviors.BreakerConfig{SlowCall: time.Hour}))
	requireNoAllocs(t, behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: func(mediator.Call) string { return "all" }}))
}

func TestBreakerRefusesAConfigurationThatMakesNoSense(t *testing.T) {
	for text, c := range map[string]behaviors.BreakerConfig{
		"FailureRatio is 1.5":     {FailureRatio: 1.5},
		"FailureRatio is -0.5":    {FailureRatio: -0.5},
		"SlowRatio is 2":          {SlowRatio: 2, SlowCall: 1},
		"SlowRatio without":       {SlowRatio: 0.5},
		"MinCalls is negative":    {MinCalls: -1},
		"Break is negative":       {Break: -1},
		"BreakFactor is 0.5":      {BreakFactor: 0.5},
		"Window is 9ns":           {Window: 9},
		"Jitter is 1.1":           {Jitter: 1.1},
		"Key and PerHandler":      {PerHandler: true, Key: mediator.Call.Name},
		"ConsecutiveFailures is ": {ConsecutiveFailures: -3},
	} {
		requirePanics(t, text, func() { behaviors.CircuitBreaker(c) })
	}
}

// requirePanics checks that f panics with a text that has part in it.
func requirePanics(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		require.Contains(t, fmt.Sprint(recover()), part)
	}()
	f()
}
