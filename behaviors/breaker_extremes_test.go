package behaviors_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// A break "until somebody resets it" overflowed the clock and was over at once.
// The clock of a bubble is too early to show it.
func TestFoundBreakerWithTheLongestBreakStaysOpen(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: math.MaxInt64})
	exec := actor(t, b)
	require.ErrorIs(t, exec(t.Context(), fail), errDown)
	require.Equal(t, behaviors.StateOpen, b.State())
	require.Greater(t, requireRejected(t, exec(t.Context(), succeed)), 100*365*24*time.Hour)
	b.Reset()
	require.NoError(t, exec(t.Context(), succeed))
}

// Breaks without a limit did not grow: the longest duration, as a float64, is none
// any more.
func TestFoundBreaksGrowWithoutALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{
			ConsecutiveFailures: 1, Break: time.Hour, BreakFactor: 1000, MaxBreak: math.MaxInt64, Jitter: -1})
		exec := actor(t, b)
		require.ErrorIs(t, exec(t.Context(), fail), errDown)
		for _, want := range []time.Duration{time.Hour, 1000 * time.Hour, 1000 * 1000 * time.Hour} {
			require.Equal(t, want, requireRejected(t, exec(t.Context(), succeed)))
			time.Sleep(want)
			require.ErrorIs(t, exec(t.Context(), fail), errDown, "a trial")
		}
		require.Greater(t, requireRejected(t, exec(t.Context(), succeed)), 1000*1000*time.Hour)
	})
}

func TestBreakerWithAMaxBreakShorterThanTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, MaxBreak: 10 * time.Second})
		exec := actor(t, b)
		require.ErrorIs(t, exec(t.Context(), fail), errDown)
		require.Equal(t, 10*time.Second, requireRejected(t, exec(t.Context(), succeed)))
	})
	requirePanics(t, "behaviors: CircuitBreaker: Break 1m0s is longer than MaxBreak 1s", func() {
		behaviors.CircuitBreaker(behaviors.BreakerConfig{Break: time.Minute, MaxBreak: time.Second})
	})
}
