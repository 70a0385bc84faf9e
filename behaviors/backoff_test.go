package behaviors_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// waits returns how long a Retry waits between its attempts.
func waits(t *testing.T, c behaviors.RetryConfig) (between []time.Duration) {
	c.Budget = behaviors.NoBudget()
	c.OnRetry = func(_ context.Context, e behaviors.RetryEvent) { between = append(between, e.Waited) }
	var calls int
	m := newMediator(t, mediator.Use(behaviors.Retry(c)), failing(1000, &calls))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.ErrorIs(t, err, errFlaky)
	return between
}

func TestBackoffWithoutJitter(t *testing.T) {
	const s = time.Second
	for name, tc := range map[string]struct {
		c    behaviors.RetryConfig
		want []time.Duration
	}{
		"fixed":               {behaviors.RetryConfig{Retries: 4, Delay: s, Backoff: behaviors.Fixed}, []time.Duration{s, s, s, s}},
		"linear":              {behaviors.RetryConfig{Retries: 4, Delay: s, Backoff: behaviors.Linear}, []time.Duration{s, 2 * s, 3 * s, 4 * s}},
		"linear, longest":     {behaviors.RetryConfig{Retries: 4, Delay: s, MaxDelay: 3 * s, Backoff: behaviors.Linear}, []time.Duration{s, 2 * s, 3 * s, 3 * s}},
		"exponential":         {behaviors.RetryConfig{Retries: 4, Delay: s, Backoff: behaviors.Exponential}, []time.Duration{s, 2 * s, 4 * s, 8 * s}},
		"exponential, 30s":    {behaviors.RetryConfig{Retries: 7, Delay: s, Backoff: behaviors.Exponential}, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}},
		"longer than default": {behaviors.RetryConfig{Retries: 2, Delay: 60 * s, Backoff: behaviors.Exponential}, []time.Duration{60 * s, 60 * s}},
		"short longest":       {behaviors.RetryConfig{Retries: 2, MaxDelay: time.Millisecond, Backoff: behaviors.Fixed}, []time.Duration{time.Millisecond, time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { require.Equal(t, tc.want, waits(t, tc.c)) })
		})
	}
}

func TestBackoffNeverOverflows(t *testing.T) {
	const forever = time.Duration(1<<63 - 1)
	for b := behaviors.FullJitter; b <= behaviors.Decorrelated; b++ {
		t.Run(b.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, w := range waits(t, behaviors.RetryConfig{Retries: 200, Delay: time.Nanosecond, MaxDelay: time.Hour, Backoff: b}) {
					require.GreaterOrEqual(t, w, time.Duration(0))
					require.LessOrEqual(t, w, time.Hour)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var calls int
				m := newMediator(t, failing(10, &calls), mediator.Use(behaviors.Retry(behaviors.RetryConfig{
					Delay: forever, MaxDelay: forever, Backoff: b, RetryIf: func(error) bool { return calls < 2 }})))
				_, err := mediator.Send(ctx, m, ask{})
				require.ErrorIs(t, err, errFlaky)
			})
		})
	}
}

func TestBackoffWithJitter(t *testing.T) {
	const delay, longest = 100 * time.Millisecond, time.Second
	t.Run("full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var sum time.Duration
			first := map[time.Duration]bool{}
			const runs = 400
			for range runs {
				most := delay
				for i, w := range waits(t, behaviors.RetryConfig{Retries: 6, Delay: delay, MaxDelay: longest}) {
					require.LessOrEqual(t, w, most)
					if i == 0 {
						sum += w
						first[w] = true
					}
					most = min(longest, 2*most)
				}
			}
			require.InDelta(t, float64(delay/2), float64(sum/runs), float64(delay/8), "half of the delay on average")
			require.Greater(t, len(first), runs/2)
		})
	})
	t.Run("decorrelated", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			atLongest, far := false, false
			for range 100 {
				before := delay
				for _, w := range waits(t, behaviors.RetryConfig{Retries: 8, Delay: delay, MaxDelay: longest, Backoff: behaviors.Decorrelated}) {
					require.GreaterOrEqual(t, w, delay)
					require.LessOrEqual(t, w, min(longest, 3*before))
					atLongest, far = atLongest || w == longest, far || w < longest && w > 2*before
					before = w
				}
			}
			require.True(t, atLongest)
			require.True(t, far, "up to three times the wait before")
		})
	})
}
