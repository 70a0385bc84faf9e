package behaviors_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// keyed is a breaker for each ask's N, of which it knows maxKeys.
func keyed(t *testing.T, maxKeys int) (*behaviors.Breaker, func(n int) error) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{MaxKeys: maxKeys,
		Key: func(c mediator.Call) string { return strconv.Itoa(c.Message().(ask).N) }})
	m := newMediator(t, mediator.Use(b), always(nil, new(int)))
	return b, func(n int) error { _, err := mediator.Send(t.Context(), m, ask{N: n}); return err }
}

// Isolate, Reset and State of a key beyond MaxKeys did nothing
func TestFoundIsolateOfAKeyBeyondMaxKeys(t *testing.T) {
	b, send := keyed(t, 2)
	require.NoError(t, send(0))
	require.NoError(t, send(1))
	require.Equal(t, behaviors.StateClosed, b.State("7"), "there is no breaker for it yet")

	b.Isolate("7")
	require.ErrorIs(t, send(7), behaviors.ErrOpen)
	require.ErrorIs(t, send(8), behaviors.ErrOpen, "it shares the breaker")
	require.NoError(t, send(0))
	require.Equal(t, behaviors.StateIsolated, b.State("7"))
	require.Equal(t, behaviors.StateIsolated, b.State(behaviors.BreakerOtherKeys))
	require.Equal(t, behaviors.StateClosed, b.State("0", "1"))

	b.Reset("9")
	require.NoError(t, send(7))
	require.Equal(t, behaviors.StateClosed, b.State("7"))
	require.Len(t, b.Snapshot(), 3)
}

// Isolate and Reset at once left some breakers isolated and others closed
func TestFoundIsolateAndResetAtOnceLeaveNoMixture(t *testing.T) {
	b, send := keyed(t, 100)
	for n := range 50 {
		require.NoError(t, send(n))
	}
	for range 200 {
		var wg sync.WaitGroup
		wg.Go(func() { b.Isolate() })
		wg.Go(func() { b.Reset() })
		wg.Wait()
		all := b.Snapshot()
		for _, s := range all {
			require.Equal(t, all[0].State, s.State)
		}
		require.Equal(t, all[0].State, b.State("not used yet"))
	}
}
