package behaviors_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// What turns a call away says what was used up and, where it is known, when to
// come back: in words, and to a program.
func TestRejectionsSayWhyAndWhenToComeBack(t *testing.T) {
	for name, tc := range map[string]struct {
		b     func() mediator.Behavior
		is    error
		text  string
		after time.Duration
	}{
		"open": {func() mediator.Behavior {
			return behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: 10 * time.Second})
		}, behaviors.ErrOpen, "circuit breaker of ask is open: come back in 9s", 9 * time.Second},
		"limited": {func() mediator.Behavior { return behaviors.RateLimit(behaviors.NewLimiter(0.1, 1)) },
			behaviors.ErrLimited, "rate limit reached: come back in 9s", 9 * time.Second},
		"limited, waiting": {func() mediator.Behavior { return behaviors.RateLimitWait(behaviors.NewLimiter(0.1, 1), time.Second) },
			behaviors.ErrLimited, "rate limit reached: come back in 9s", 9 * time.Second},
		"full": {func() mediator.Behavior { return behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1}) },
			behaviors.ErrFull, "bulkhead is full: 1 run, 0 wait", 0},
		"full, waiting": {func() mediator.Behavior {
			return behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 1, MaxWait: 2 * time.Second})
		}, behaviors.ErrFull, "bulkhead is full: 1 run, waited 2s", 0},
		"memory": {func() mediator.Behavior {
			used := uint64(0)
			return behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 256 << 20, Sample: 500 * time.Millisecond, Usage: func() uint64 {
				used += 200 << 20
				return used
			}})
		}, behaviors.ErrMemory, "memory limit reached: 400 MiB of 256 MiB in use", 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMediator(t, mediator.Use(tc.b()), askFor(func(context.Context) error {
					if errors.Is(tc.is, behaviors.ErrFull) {
						time.Sleep(time.Minute)
					}
					return errFaulty
				}))
				first := make(chan error, 1)
				go func() { _, err := mediator.Send(t.Context(), m, ask{}); first <- err }()
				time.Sleep(time.Second)
				_, err := mediator.Send(t.Context(), m, ask{})
				require.ErrorIs(t, err, tc.is)
				require.EqualError(t, err, tc.text)
				var after interface{ RetryAfter() time.Duration }
				require.Equal(t, tc.after > 0, errors.As(err, &after))
				if tc.after > 0 {
					require.Equal(t, tc.after, after.RetryAfter())
				}
				require.ErrorIs(t, <-first, errFaulty)
			})
		})
	}
}

func TestMemoryGuardReadings(t *testing.T) {
	r := behaviors.NewRecorder()
	guard := behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 100, Usage: func() uint64 { return 150 }})
	m := newMediator(t, mediator.Use(r, guard), askFor(func(context.Context) error { return nil }))
	for range 3 {
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, behaviors.ErrMemory)
	}
	require.Equal(t, []behaviors.Reading{
		{Behavior: "memoryguard", Name: "used", Value: 150, Gauge: true},
		{Behavior: "memoryguard", Name: "rejections", Value: 3},
	}, r.Snapshot().Readings)
}

func TestConstantsInWords(t *testing.T) {
	var words []string
	for m := range behaviors.Redeliver + 2 {
		words = append(words, m.String())
	}
	for b := range behaviors.Decorrelated + 2 {
		words = append(words, b.String())
	}
	for s := range behaviors.StateIsolated + 2 {
		words = append(words, s.String())
	}
	for o := range behaviors.OutcomeIgnored + 2 {
		words = append(words, o.String())
	}
	require.Equal(t, []string{
		"RestartUndelivered", "SkipDelivered", "Redeliver", "StreamMode(3)",
		"FullJitter", "Fixed", "Linear", "Exponential", "Decorrelated", "Backoff(5)",
		"closed", "half-open", "open", "isolated", "State(4)",
		"failure", "success", "ignored", "unknown outcome",
	}, words)
	require.Equal(t, "Ending(255)", behaviors.Ending(math.MaxUint8).String())
}
