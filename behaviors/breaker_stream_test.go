package behaviors_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// halfOpenForStreams returns a breaker around a stream, ready for trials.
func halfOpenForStreams(t *testing.T, c behaviors.BreakerConfig) (*behaviors.Breaker, func(items func(yield func(int, error) bool)) error) {
	c.ConsecutiveFailures, c.Break, c.Jitter = 1, testBreak, -1
	b := behaviors.CircuitBreaker(c)
	stream := counter(t, b)
	run := func(items func(yield func(int, error) bool)) (last error) {
		for _, err := range stream(items) {
			last = err
		}
		return last
	}
	require.ErrorIs(t, run(func(yield func(int, error) bool) { yield(0, errDown) }), errDown)
	time.Sleep(testBreak)
	require.Equal(t, behaviors.StateHalfOpen, b.State())
	return b, run
}

// a healthy stream that runs for longer than TrialWait opened the breaker again
func TestFoundLongStreamIsNoHungTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := halfOpenForStreams(t, behaviors.BreakerConfig{Trials: 2})
		ctx, cancel := context.WithCancel(t.Context())
		ends := make(chan error, 2)
		for range 2 {
			go func() {
				ends <- run(func(yield func(int, error) bool) {
					for ctx.Err() == nil && yield(1, nil) {
						time.Sleep(time.Second)
					}
				})
			}()
		}
		synctest.Wait()
		require.Equal(t, behaviors.StateClosed, b.State(), "both have delivered")
		time.Sleep(10 * testBreak)
		require.NoError(t, run(twoItems))
		require.Equal(t, behaviors.StateClosed, b.State())
		cancel()
		require.NoError(t, <-ends)
		require.NoError(t, <-ends)
		require.Equal(t, behaviors.StateClosed, b.State())
		require.Zero(t, b.Snapshot()[0].Reopened)
	})
}

func TestBreakerStreamTrialWithoutItemsHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := halfOpenForStreams(t, behaviors.BreakerConfig{Trials: 1})
		end := make(chan error, 1)
		go func() {
			end <- run(func(yield func(int, error) bool) { time.Sleep(testBreak + time.Second); yield(1, nil) })
		}()
		synctest.Wait()
		time.Sleep(testBreak)
		require.Equal(t, behaviors.StateOpen, b.State())
		require.ErrorIs(t, run(twoItems), behaviors.ErrOpen)
		require.NoError(t, <-end)
		require.Equal(t, behaviors.StateOpen, b.State(), "its item comes too late")
	})
}

func TestBreakerStreamTrialThatFailsAfterItemsOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := halfOpenForStreams(t, behaviors.BreakerConfig{Trials: 2})
		require.ErrorIs(t, run(func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, errDown) }), errDown)
		require.Equal(t, behaviors.StateOpen, b.State())
		require.Equal(t, 1, b.Snapshot()[0].Reopened)
	})
}

func TestBreakerStreamTrialCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := halfOpenForStreams(t, behaviors.BreakerConfig{Trials: 2})
		require.NoError(t, run(twoItems))
		require.Equal(t, 1, b.Snapshot()[0].TrialsSucceeded)
		require.NoError(t, run(func(func(int, error) bool) {}))
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

func TestBreakerStreamTrialWithASlowFirstItemFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := halfOpenForStreams(t, behaviors.BreakerConfig{Trials: 1, SlowCall: time.Second})
		require.NoError(t, run(func(yield func(int, error) bool) { time.Sleep(2 * time.Second); yield(1, nil) }))
		require.Equal(t, behaviors.StateOpen, b.State())
	})
}

// a stream that a Retry's AttemptTimeout ended was taken for a caller's cancellation
func TestFoundAttemptTimeoutOfAStreamIsNotTheCallersCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 2})
		r := behaviors.NewRecorder()
		var l logged
		m := newMediator(t, mediator.Use(
			behaviors.Retry(behaviors.RetryConfig{Retries: 1, AttemptTimeout: time.Second}), behaviors.Log(l.logger(slog.LevelInfo)), r, b),
			mediator.HandleStream(func(ctx context.Context, _ count) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) { <-ctx.Done(); yield(0, ctx.Err()) }
			}))
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Equal(t, behaviors.StateOpen, b.State(), "two timeouts are two failures")
		for _, line := range l.lines(t) {
			require.Equal(t, behaviors.TimedOut.String(), line["msg"])
		}
		require.Len(t, l.lines(t), 2)
		require.Equal(t, uint64(2), r.Snapshot().Entries[0].Count(behaviors.TimedOut))
	})
}

func TestEndingOfAContextCancelledByATimeLimit(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	require.Equal(t, behaviors.Failed, behaviors.EndingOf(ctx, errDown))
	cancel(&behaviors.TimeoutError{Limit: time.Second})
	require.Equal(t, behaviors.TimedOut, behaviors.EndingOf(ctx, ctx.Err()))
	require.Equal(t, behaviors.TimedOut, behaviors.EndingOf(ctx, context.Cause(ctx)))
	require.Equal(t, behaviors.Failed, behaviors.EndingOf(ctx, errDown))
}
