package benchmarks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// effect checks that a contender does one of the things that its layers are for.
type effect func(t *testing.T, g guard)

var errDown = errors.New("server is down")

// TestGuards proves that what is timed does its work: that each layer steps in when it has to.
func TestGuards(t *testing.T) {
	for group, gs := range map[string][]guard{
		"layer": layers, "recorder": recorders, "standard": standards, "circuit breaker": breakers, "rate limit": rateLimits, "bulkhead": bulkheads, "six layers": sixLayers,
	} {
		for _, g := range gs {
			t.Run(group+"/"+g.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { passes(t, g) })
				for _, does := range g.does {
					synctest.Test(t, func(t *testing.T) { does(t, g) })
				}
			})
		}
	}
}

// open puts g around h and returns it with the number of the handler's calls.
func open(t *testing.T, g guard, s sizes, h handler) (guarded, *int) {
	calls := new(int)
	return g.open(t, s, func(ctx context.Context, o order) (receipt, error) {
		*calls++
		return h(ctx, o)
	}), calls
}

func failing(context.Context, order) (receipt, error) { return receipt{}, errDown }

// passes: what is let through reaches the handler once, its answer comes back.
func passes(t *testing.T, g guard) {
	guarded, calls := open(t, g, ample(), place)
	for range 100 {
		got, err := guarded.call(t.Context(), sample)
		require.NoError(t, err)
		require.Equal(t, sampleReceipt, got)
	}
	require.Equal(t, 100, *calls)
}

func retries(t *testing.T, g guard) {
	failures := 2
	guarded, calls := open(t, g, ample(), func(ctx context.Context, o order) (receipt, error) {
		if failures--; failures >= 0 {
			return receipt{}, errDown
		}
		return place(ctx, o)
	})
	got, err := guarded.call(t.Context(), sample)
	require.NoError(t, err)
	require.Equal(t, sampleReceipt, got)
	require.Equal(t, 3, *calls)
}

func recovers(t *testing.T, g guard) {
	guarded, calls := open(t, g, ample(), func(context.Context, order) (receipt, error) { panic("no such kettle") })
	_, err := guarded.call(t.Context(), sample)
	require.ErrorContains(t, err, "no such kettle")
	require.Equal(t, 1, *calls)
}

func fallsBack(t *testing.T, g guard) {
	guarded, calls := open(t, g, ample(), failing)
	got, err := guarded.call(t.Context(), sample)
	require.NoError(t, err)
	require.Equal(t, sampleReceipt, got)
	require.Equal(t, 1, *calls)
}

func validates(t *testing.T, g guard) {
	guarded, calls := open(t, g, ample(), place)
	_, err := guarded.call(t.Context(), order{SKU: "kettle-2"})
	require.ErrorIs(t, err, errQty)
	require.Zero(t, *calls)
}

// breaks: the breaker opens by the ratio, not before, and once it is open the handler does not run.
func breaks(t *testing.T, g guard) {
	s := ample()
	s.minCalls = 8
	answer := place
	guarded, calls := open(t, g, s, func(ctx context.Context, o order) (receipt, error) { return answer(ctx, o) })
	for range 4 {
		_, err := guarded.call(t.Context(), sample)
		require.NoError(t, err)
	}
	answer = failing
	for range 4 {
		_, err := guarded.call(t.Context(), sample)
		require.Error(t, err)
	}
	require.Equal(t, 8, *calls)

	answer = place
	_, err := guarded.call(t.Context(), sample)
	require.Error(t, err)
	require.Equal(t, 8, *calls)
}

// limits: a burst is let through, then none until time has passed.
func limits(t *testing.T, g guard) {
	s := ample()
	s.burst, s.period = 3, time.Minute
	guarded, calls := open(t, g, s, place)
	for range 2 {
		for range 3 {
			_, err := guarded.call(t.Context(), sample)
			require.NoError(t, err)
		}
		before := *calls
		_, err := guarded.call(t.Context(), sample)
		require.Error(t, err)
		require.Equal(t, before, *calls)
		<-time.After(s.period)
	}
	require.Equal(t, 6, *calls)
}

// bounds: while a call has the only place, another is not let in; afterwards it is.
func bounds(t *testing.T, g guard) {
	s := ample()
	s.places = 1
	var (
		guarded guarded
		calls   *int
		inner   error
	)
	guarded, calls = open(t, g, s, func(ctx context.Context, o order) (receipt, error) {
		if *calls < 10 {
			_, inner = guarded.call(ctx, o)
		}
		return place(ctx, o)
	})
	for range 2 {
		_, err := guarded.call(t.Context(), sample)
		require.NoError(t, err)
		require.Error(t, inner)
	}
	require.Equal(t, 2, *calls)
}

// leaves: the place is free again after a panic.
func leaves(t *testing.T, g guard) {
	s := ample()
	s.places = 1
	answer := func(context.Context, order) (receipt, error) { panic("no such kettle") }
	guarded, calls := open(t, g, s, func(ctx context.Context, o order) (receipt, error) { return answer(ctx, o) })
	func() {
		defer func() { _ = recover() }() // not all contenders recover
		_, err := guarded.call(t.Context(), sample)
		require.Error(t, err)
	}()
	answer = place
	_, err := guarded.call(t.Context(), sample)
	require.NoError(t, err)
	require.Equal(t, 2, *calls)
}

// counts: the metrics have seen every call.
func counts(t *testing.T, g guard) {
	guarded, _ := open(t, g, ample(), place)
	for range 3 {
		_, err := guarded.call(t.Context(), sample)
		require.NoError(t, err)
	}
	require.Equal(t, 3, guarded.counted())
}
