package behaviors_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// with defaults, a call was blocked for most of a break of 30s
func TestRetryDoesNotWaitForAnOpenBreakerUnlessAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		retry   behaviors.RetryConfig
		left    time.Duration // of the break
		waits   bool
		longest string
	}{
		"default":            {left: 24 * time.Second, longest: "1s"},
		"default, just":      {left: time.Second, waits: true},
		"default, just not":  {left: time.Second + 1, longest: "1s"},
		"a preset":           {retry: behaviors.RetryConservative(), left: 2 * time.Second, longest: "1s"},
		"a longer Delay":     {retry: behaviors.RetryConfig{Delay: time.Minute}, left: 2 * time.Second, longest: "1s"},
		"MaxDelay":           {retry: behaviors.RetryConfig{MaxDelay: 24 * time.Second}, left: 24 * time.Second, waits: true},
		"MaxDelay, just not": {retry: behaviors.RetryConfig{MaxDelay: 23 * time.Second}, left: 24 * time.Second, longest: "23s"},
		"a short MaxDelay":   {retry: behaviors.RetryConfig{MaxDelay: time.Millisecond}, left: time.Second, longest: "1ms"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down, runs := true, 0
				breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: 30 * time.Second})
				m := newMediator(t, mediator.Use(breaker), askFor(func(context.Context) error {
					if runs++; down {
						return errDown
					}
					return nil
				}))
				retrying := newMediator(t, mediator.Use(behaviors.Retry(tc.retry), breaker), askFor(func(context.Context) error { runs++; return nil }))
				_, err := mediator.Send(t.Context(), m, ask{})
				require.ErrorIs(t, err, errDown)
				time.Sleep(30*time.Second - tc.left)
				begun := time.Now()
				_, err = mediator.Send(t.Context(), retrying, ask{})
				if tc.waits {
					require.NoError(t, err)
					require.Equal(t, 2, runs)
					require.Equal(t, tc.left, time.Since(begun))
					return
				}
				require.Equal(t, 1, runs)
				require.Zero(t, time.Since(begun), "it fails at once")
				require.ErrorIs(t, err, behaviors.ErrOpen)
				require.ErrorIs(t, err, behaviors.ErrRetryTime)
				require.ErrorContains(t, err, "and "+tc.longest+" is the longest wait")
				open, ok := errors.AsType[*behaviors.OpenError](err)
				require.True(t, ok)
				require.Equal(t, tc.left, open.RetryAfter())
				gaveUp, ok := errors.AsType[*behaviors.RetryError](err)
				require.True(t, ok)
				require.Equal(t, 1, gaveUp.Attempts())
			})
		})
	}
}

func TestStreamingPackagesWaitForAnOpenBreaker(t *testing.T) {
	quiet := behaviors.StreamingConfig{Logger: slog.New(slog.DiscardHandler)}
	for _, test := range []struct {
		pack   func(...behaviors.StreamingConfig) []mediator.Behavior
		breaks time.Duration
	}{{behaviors.StreamingResilience, 2 * time.Minute}, {behaviors.StreamingPlatinum, time.Minute}} {
		for _, left := range []time.Duration{30 * time.Second, 30*time.Second + 1} {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				m := newMediator(t, mediator.Use(test.pack(quiet)...), brittle(&runs, 3))
				require.ErrorIs(t, drain(mediator.Stream(t.Context(), m, upTo{})), errFaulty)
				time.Sleep(test.breaks - left)
				begun := time.Now()
				err := drain(mediator.Stream(t.Context(), m, upTo{}))
				if left > 30*time.Second {
					require.ErrorIs(t, err, behaviors.ErrOpen)
					require.Zero(t, time.Since(begun))
					return
				}
				require.NoError(t, err)
				require.Equal(t, left, time.Since(begun))
			})
		}
	}
}

// a call that had no time to wait for an open breaker was logged as timed out, as an error
func TestGivenUpForTheBreakersWaitIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logged
		r := behaviors.NewRecorder()
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: 30 * time.Second})
		m := newMediator(t, mediator.Use(behaviors.Log(l.logger(slog.LevelInfo)), r, behaviors.Retry(behaviors.RetryConfig{MaxDelay: time.Minute}), breaker),
			askFor(func(context.Context) error { return errDown }))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, behaviors.ErrOpen)
		require.ErrorIs(t, err, context.DeadlineExceeded, "why it did not wait")
		require.NoError(t, ctx.Err())
		require.Equal(t, behaviors.Rejected, behaviors.EndingOf(ctx, err))
		requireOnly(t, r.Snapshot().Total(), behaviors.Rejected)
		lines := l.lines(t)
		require.Len(t, lines, 1)
		require.Equal(t, "rejected", lines[0]["msg"])
		require.Equal(t, "WARN", lines[0]["level"])
	})
}
