package behaviors_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestAnExceptionHasBehaviorsOfItsOwn(t *testing.T) {
	quiet, recorder := slog.New(slog.DiscardHandler), behaviors.NewRecorder()
	most := behaviors.StandardConfig{Logger: quiet, Recorder: recorder, Retry: &behaviors.RetryConfig{Retries: 2, Delay: 1},
		Breaker: &behaviors.BreakerConfig{}, Bulkhead: &behaviors.BulkheadConfig{}}
	own := most
	own.Retry = &behaviors.RetryConfig{Retries: 1, Delay: 1}
	runs := map[string]int{}
	down := func(name string) error { runs[name]++; return errDown }
	m := newMediator(t, // which fails for a warning
		mediator.Use(behaviors.Except(behaviors.IsNamed("pay"), behaviors.Standard(most)...)...),
		askFor(func(context.Context) error { return down("ask") }),
		mediator.HandleCommand(func(context.Context, nested) error { return down("pay") }, mediator.Named("pay"),
			mediator.Use(behaviors.Fallback(func(_ context.Context, err error) (mediator.None, error) {
				return mediator.None{}, errors.Join(errFlaky, err)
			})),
			mediator.Use(behaviors.Standard(own)...)))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.ErrorIs(t, err, errDown)
	err = mediator.Exec(t.Context(), m, nested{})
	require.ErrorIs(t, err, errDown)
	require.ErrorIs(t, err, errFlaky)
	require.Equal(t, map[string]int{"ask": 3, "pay": 2}, runs)

	s := recorder.Snapshot()
	require.EqualValues(t, 1, s.Message("ask").Ended())
	require.EqualValues(t, 1, s.Message("pay").Ended(), "once, though the Recorder is in both")
	scopes := map[string]float64{}
	for _, r := range s.Readings {
		if r.Name == "retries" || r.Behavior == "circuitbreaker" && r.Name == "state" || r.Behavior == "bulkhead" && r.Name == "running" {
			scopes[r.Behavior+" "+r.Scope] += r.Value
		}
	}
	require.Equal(t, map[string]float64{"retry ask": 2, "retry pay": 1, "circuitbreaker ask": 0, "circuitbreaker pay": 0,
		"bulkhead ask": 0, "bulkhead pay": 0}, scopes, "the sources are found")
}

// watcher is told of the end of its mediator.
type watcher struct {
	noop
	closed *int
}

func (w watcher) MediatorClosing() { *w.closed++ }

func TestExceptIsWhatItHolds(t *testing.T) {
	never := func(mediator.Call) bool { return false }
	retry := behaviors.Retry(behaviors.RetryConfig{})
	bs := behaviors.Except(never, retry, noop{})
	require.Equal(t, []string{"Retry", "behaviors_test.noop"}, namesOf(bs))
	require.Same(t, retry, bs[0].(interface{ Unwrap() mediator.Behavior }).Unwrap())
	require.True(t, bs[0].(mediator.CallScoper).ScopedCall())
	require.False(t, bs[1].(mediator.CallScoper).ScopedCall())
	require.Empty(t, behaviors.Except(never))
	require.Panics(t, func() { behaviors.Except(nil, retry) })
	require.Panics(t, func() { behaviors.Except(never, retry, nil) })
	requireNoAllocs(t, bs...)

	closed := 0
	m, err := mediator.New(mediator.Use(behaviors.Except(never, watcher{closed: &closed})...), askFor(func(context.Context) error { return nil }))
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	require.Equal(t, 1, closed)
}

func TestExceptWarnsOfWhatItHoldsTogether(t *testing.T) {
	never := func(mediator.Call) bool { return false }
	retry := func() mediator.Behavior { return behaviors.Retry(behaviors.RetryConfig{}) }
	fall := behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil })
	require.Len(t, wired(t, behaviors.Except(never, retry(), retry())), 1)
	require.Len(t, wired(t, behaviors.Except(never, retry(), fall)), 1)
	require.Empty(t, wired(t, behaviors.Except(never, retry()), retry()), "it may be the exception's")
	require.Empty(t, wired(t, behaviors.Except(never, retry()), fall))
	require.Empty(t, wired(t, []mediator.Behavior{retry()}, behaviors.Except(never, retry())...))
	require.Empty(t, wired(t, behaviors.Except(never, retry()), behaviors.Except(never, retry())...), "it may be what one excepts that the other holds")
}

func TestExceptStandsApartFromWhatTheExceptionHas(t *testing.T) {
	never := func(mediator.Call) bool { return false }
	except := func(bs ...mediator.Behavior) []mediator.Behavior { return behaviors.Except(never, bs...) }
	retry := func() mediator.Behavior {
		return behaviors.Retry(behaviors.RetryConfig{MaxDelay: time.Second, MaxTotal: time.Hour})
	}
	fall := behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil })
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{Break: time.Minute})
	letters := func() mediator.Behavior { return deadletter.Behavior(deadletter.NewMemory()) }
	config := behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), Retry: &behaviors.RetryConfig{}, DeadLetters: letters()}
	for name, tc := range map[string]struct{ shared, own []mediator.Behavior }{
		"Fallback inside":           {[]mediator.Behavior{retry()}, except(fall)},
		"Breaker inside":            {[]mediator.Behavior{retry()}, except(breaker)},
		"Breaker inside of it":      {except(retry()), []mediator.Behavior{breaker}},
		"Retry around dead letters": {except(retry()), []mediator.Behavior{letters()}},
		"Standard twice":            {except(behaviors.Standard(config)...), behaviors.Standard(config)},
	} {
		require.Empty(t, wired(t, tc.shared, tc.own...), name)
	}
	require.Len(t, wired(t, except(behaviors.Recover()), behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1}), behaviors.Recover()), 1,
		"the exception has a Recover inside only")
	require.Len(t, wired(t, except(retry(), letters())), 1)
	require.Len(t, wired(t, except(retry(), breaker)), 1)
}
