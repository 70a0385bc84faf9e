package behaviors_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// a Retry waited for an isolated breaker, a break each time
func TestFoundRetryDoesNotWaitForAnIsolatedBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
		b.Isolate()
		m := newMediator(t, failing(1, &calls), mediator.Use(behaviors.Retry(behaviors.RetryConfig{}), b))
		begun := time.Now()
		_, err := mediator.Send(t.Context(), m, ask{})
		var open *behaviors.OpenError
		require.ErrorAs(t, err, &open)
		require.Equal(t, behaviors.StateIsolated, open.State)
		require.Zero(t, open.RetryAfter())
		require.NotContains(t, err.Error(), "come back")
		require.False(t, behaviors.Retryable(err))
		require.Zero(t, calls)
		require.Zero(t, time.Since(begun))
		require.Equal(t, uint64(1), b.Snapshot()[0].Rejected)
	})
}

// an error's own RetryAfter made a Retry wait for however long
func TestFoundRetryWaitsNoLongerThanMaxDelay(t *testing.T) {
	for name, tc := range map[string]struct {
		c     behaviors.RetryConfig
		after time.Duration
		calls int
	}{
		"default":        {after: 30*time.Second + 1, calls: 1},
		"default, just":  {after: 30 * time.Second, calls: 4},
		"MaxDelay":       {c: behaviors.RetryConfig{MaxDelay: time.Second}, after: 2 * time.Second, calls: 1},
		"MaxDelay, just": {c: behaviors.RetryConfig{MaxDelay: time.Second}, after: time.Second, calls: 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls int
			m := newMediator(t, mediator.Use(behaviors.Retry(tc.c)), always(busyUntil{tc.after}, &calls))
			begun := time.Now()
			_, err := mediator.Send(t.Context(), m, ask{})
			require.ErrorIs(t, err, busyUntil{tc.after}, name)
			require.Equal(t, tc.calls, calls, name)
			require.Equal(t, time.Duration(tc.calls-1)*tc.after, time.Since(begun), name)
			if tc.calls == 1 {
				require.ErrorIs(t, err, behaviors.ErrRetryTime, name)
				require.ErrorContains(t, err, "is the longest wait", name)
				require.NotErrorIs(t, err, context.DeadlineExceeded, name)
			}
		})
	}
}

// a stream that was started again and was shorter passed for complete
func TestFoundShorterRerunIsNoSuccess(t *testing.T) {
	for mode, fails := range map[behaviors.StreamMode]bool{behaviors.SkipDelivered: true, behaviors.Redeliver: false} {
		for _, again := range []string{"", "ab", "abc"} {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				stream := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Stream: mode})),
					mediator.HandleStream(func(_ context.Context, q letters) iter.Seq2[string, error] {
						return func(yield func(string, error) bool) {
							of := q.Of
							if runs++; runs > 1 {
								of = again
							}
							for _, r := range of {
								if !yield(string(r), nil) {
									return
								}
							}
							if runs == 1 {
								yield("", errFlaky)
							}
						}
					}))
				_, err := collect(t.Context(), stream, "abc")
				require.Equal(t, 2, runs)
				if !fails || again == "abc" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, behaviors.ErrShorter)
				var gaveUp *behaviors.RetryError
				require.ErrorAs(t, err, &gaveUp)
				require.Equal(t, 2, gaveUp.Attempts())
				require.ErrorIs(t, gaveUp.Earlier[0], errFlaky)
			})
		}
	}
}
