package behaviors_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestWhen(t *testing.T) {
	fall := behaviors.Fallback(func(context.Context, error) (int, error) { return 42, nil })
	for name, tc := range map[string]struct {
		cond func(mediator.Call) bool
		want bool
	}{
		"kind":          {behaviors.IsKind(mediator.KindStream, mediator.KindRequest), true},
		"another kind":  {behaviors.IsKind(mediator.KindStream), false},
		"name":          {behaviors.IsNamed("x", "ask"), true},
		"another name":  {behaviors.IsNamed("x"), false},
		"not":           {behaviors.Not(behaviors.IsNamed("ask")), false},
		"any condition": {func(c mediator.Call) bool { return c.Message().(ask).N == 7 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMediator(t, mediator.Use(noop{}, behaviors.When(tc.cond, fall)),
				mediator.Handle(func(context.Context, ask) (int, error) { return 0, errFlaky }, mediator.Named("ask")))
			n, err := mediator.Send(t.Context(), m, ask{N: 7})
			if tc.want {
				require.NoError(t, err)
				require.Equal(t, 42, n)
			} else {
				require.Equal(t, errFlaky, err)
			}
		})
	}
}

func TestWhenIsWhatItHolds(t *testing.T) {
	yes := behaviors.Not(behaviors.IsNamed("x"))
	retry := behaviors.Retry(behaviors.RetryConfig{})
	w := behaviors.When(yes, retry)
	require.Equal(t, "Retry", w.(mediator.BehaviorNamer).BehaviorName())
	require.Len(t, w.(mediator.WiringChecker).CheckWiring(nil, []mediator.Behavior{retry}), 1)
	require.Equal(t, "behaviors_test.noop", behaviors.When(yes, noop{}).(mediator.BehaviorNamer).BehaviorName())
	require.Empty(t, behaviors.When(yes, noop{}).(mediator.WiringChecker).CheckWiring(nil, nil))
	require.Same(t, retry, w.(interface{ Unwrap() mediator.Behavior }).Unwrap())
	require.Panics(t, func() { behaviors.When(nil, retry) })
	require.Panics(t, func() { behaviors.When(yes, nil) })
	requireNoAllocs(t, w)
}

// A value for each kind was taken for one value too many.
func TestFoundWhenForDifferentCallsIsNotTwice(t *testing.T) {
	requests, streams := behaviors.IsKind(mediator.KindRequest), behaviors.IsKind(mediator.KindStream)
	quiet, recorder := slog.New(slog.DiscardHandler), behaviors.NewRecorder()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	require.Empty(t, wired(t, []mediator.Behavior{
		behaviors.When(requests, behaviors.Log(quiet)), behaviors.When(streams, behaviors.LogWith(quiet, behaviors.LogConfig{ProgressItems: 10})),
		behaviors.When(requests, recorder), behaviors.When(streams, recorder),
		behaviors.When(requests, behaviors.Retry(behaviors.RetryDatabase())), behaviors.When(streams, behaviors.Retry(behaviors.RetryConfig{})),
		behaviors.When(requests, breaker),
	}))
	require.Empty(t, recorder.Snapshot().Readings, "nothing was called yet")
	breaker.Isolate("shop.ask")
	require.NotEmpty(t, recorder.Snapshot().Readings, "what stands in another When is watched")
}

func BenchmarkWhen(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("name", func(b *testing.B) { benchSend(b, behaviors.When(behaviors.IsNamed("x"), noop{})) })
}
