package behaviors_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// sums adds up the readings by behavior, scope and name.
func sums(r *behaviors.Recorder) map[string]float64 {
	all := map[string]float64{}
	for _, reading := range r.Snapshot().Readings {
		all[reading.Behavior+" "+reading.Scope+" "+reading.Name] += reading.Value
	}
	return all
}

func TestASourceIsWatchedNoLongerThanItIsWired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listen := func(m *mediator.Mediator, b mediator.Behavior) (stop func()) {
			stop, err := mediator.Listen(m, func(context.Context, told) error { return errDown }, mediator.Group("feed"), mediator.Use(b))
			require.NoError(t, err)
			for range 3 { // the first opens the breaker, which rejects the others
				require.Error(t, mediator.Publish(t.Context(), m, told{}))
			}
			return stop
		}
		const state, rejections = "circuitbreaker behaviors_test.told state", "circuitbreaker behaviors_test.told rejections"
		never := behaviors.IsKind(mediator.KindStream)
		for name, shared := range map[string]func(*behaviors.Recorder) []mediator.Behavior{
			"Recorder": func(r *behaviors.Recorder) []mediator.Behavior { return []mediator.Behavior{r} },
			"Recorder, When": func(r *behaviors.Recorder) []mediator.Behavior {
				return []mediator.Behavior{behaviors.When(behaviors.Not(never), r)}
			},
			"Recorder, Except": func(r *behaviors.Recorder) []mediator.Behavior { return behaviors.Except(never, r) },
		} {
			r := behaviors.NewRecorder(behaviors.RecorderConfig{MaxNames: 3})
			m := newMediator(t, mediator.Use(shared(r)...))
			for i := range 10 {
				stop := listen(m, behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1}))
				require.Contains(t, sums(r), state, name)
				stop()
				stop()
				require.NotContains(t, sums(r), state, name)
				require.InDelta(t, 2*(i+1), sums(r)[rejections], 0, "what was counted stays")
			}
			require.Zero(t, r.Snapshot().Unwatched, name)

			// one breaker for whoever listens
			breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
			for i := range 3 {
				stop := listen(m, breaker)
				require.InDelta(t, 20+2+3*i, sums(r)[rejections], 0, "it is counted once")
				stop()
				require.InDelta(t, 20+2+3*i, sums(r)[rejections], 0)
			}
			first, second := mustListen(t, m, breaker, "first"), mustListen(t, m, breaker, "second")
			first()
			require.Contains(t, sums(r), state, "it still stands around another")
			second()
			require.NotContains(t, sums(r), state)
			r.Watch(breaker)
			mustListen(t, m, breaker, "third")()
			require.Contains(t, sums(r), state, "it is watched for its own sake")
		}
	})
}

func mustListen(t *testing.T, m *mediator.Mediator, b mediator.Behavior, group string) (stop func()) {
	t.Helper()
	stop, err := mediator.Listen(m, func(context.Context, told) error { return nil }, mediator.Group(group), mediator.Use(b))
	require.NoError(t, err)
	return stop
}

func TestFaultsOfASourceThatIsGoneAreKept(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r))
	panics := func() { panic(errors.New("gone")) }
	stop := mustListen(t, m, &faulty{name: func() {}, asked: panics}, "feed")
	require.InDelta(t, 1, sums(r)["recorder faulty faults"], 0)
	stop()
	require.InDelta(t, 1, sums(r)["recorder faulty faults"], 0)
	require.Empty(t, r.Snapshot().Faults)
}
