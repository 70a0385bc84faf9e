package behaviors_test

import (
	"context"
	"iter"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// Isolate/Reset/State
func TestBreakerIsolateAndReset(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	exec := actor(t, b)
	require.Equal(t, behaviors.StateClosed, b.State())
	require.Equal(t, behaviors.StateClosed, b.State(actName))

	b.Isolate(actName)
	require.Equal(t, behaviors.StateIsolated, b.State(actName), "also before the first call")
	require.Equal(t, behaviors.StateClosed, b.State("another"))
	require.Equal(t, behaviors.StateIsolated, b.State("another", actName), "the worst of them")
	require.Zero(t, requireRejected(t, exec(t.Context(), succeed)), "nobody knows when")
	require.Equal(t, uint64(1), b.Snapshot()[0].Rejected)
	b.Reset(actName)
	require.NoError(t, exec(t.Context(), succeed))

	b.Isolate()
	require.Equal(t, behaviors.StateIsolated, b.State())
	require.Equal(t, behaviors.StateIsolated, b.State("another"))
	require.ErrorIs(t, exec(t.Context(), succeed), behaviors.ErrOpen)
	b.Reset()
	require.NoError(t, exec(t.Context(), succeed))
	require.Equal(t, behaviors.StateClosed, b.State())
}

func TestBreakerIsolatesWhatComesLater(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	b.Isolate()
	exec := actor(t, b)
	require.ErrorIs(t, exec(t.Context(), succeed), behaviors.ErrOpen)
	b.Reset(actName)
	require.NoError(t, exec(t.Context(), succeed))
}

type named interface{ name() string }

func (told) name() string { return "told" }

type toldAgain struct{}

func (toldAgain) name() string { return "toldAgain" }

// one breaker per message name by default
func TestFault10BreakerPerMessageName(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	m := newMediator(t, mediator.Use(b),
		mediator.HandleCommand(func(ctx context.Context, a act) error { return a.do(ctx) }),
		mediator.Handle(func(_ context.Context, q ask) (int, error) { return q.N, nil }),
		mediator.Subscribe(func(_ context.Context, n named) error {
			if n.name() == "told" {
				return errDown
			}
			return nil
		}, mediator.Group("names")))
	for range 2 {
		require.Error(t, mediator.Exec(t.Context(), m, act{do: fail}))
		n, err := mediator.Send(t.Context(), m, ask{N: 3})
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.NoError(t, mediator.Publish(t.Context(), m, toldAgain{}))
		require.Error(t, mediator.Publish(t.Context(), m, told{}))
		require.NoError(t, mediator.Publish(t.Context(), m, toldAgain{}), "names of one subscriber are kept apart")
	}
	require.ErrorIs(t, mediator.Publish(t.Context(), m, told{}), behaviors.ErrOpen)
	var keys []string
	for _, s := range b.Snapshot() {
		keys = append(keys, s.Key+" "+s.State.String())
	}
	require.Equal(t, []string{"behaviors_test.act open", "behaviors_test.ask closed",
		"behaviors_test.told open", "behaviors_test.toldAgain closed"}, keys)
}

// ... per handler if asked
func TestBreakerPerHandler(t *testing.T) {
	for _, perHandler := range []bool{false, true} {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, PerHandler: perHandler})
		good := 0
		m := newMediator(t, mediator.Use(b),
			mediator.Subscribe(func(context.Context, told) error { return errDown }, mediator.Group("bad")),
			mediator.Subscribe(func(context.Context, told) error { good++; return nil }, mediator.Group("good")))
		require.Error(t, mediator.Publish(t.Context(), m, told{}))
		if !perHandler {
			require.Zero(t, good, "the message's breaker is open")
			continue
		}
		require.Equal(t, 1, good)
		require.Equal(t, behaviors.StateOpen, b.State("behaviors_test.told to bad"))
		require.Equal(t, behaviors.StateClosed, b.State("behaviors_test.told to good"))
	}
}

// ... or by a key function if asked, bounded number of keys
func TestBreakerByKeyIsBounded(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{
		ConsecutiveFailures: 1,
		MaxKeys:             3,
		Key:                 func(c mediator.Call) string { return "tenant " + strconv.Itoa(c.Message().(ask).N) },
	})
	m := newMediator(t, mediator.Use(b), mediator.Handle(func(_ context.Context, q ask) (int, error) {
		if q.N == 1 || q.N == 7 {
			return 0, errDown
		}
		return q.N, nil
	}))
	send := func(n int) error { _, err := mediator.Send(t.Context(), m, ask{N: n}); return err }
	require.NoError(t, send(0))
	require.ErrorIs(t, send(1), errDown)
	require.NoError(t, send(2))
	for n := 3; n < 100; n++ {
		if n == 7 {
			require.ErrorIs(t, send(7), errDown)
			b.Reset(behaviors.BreakerOtherKeys)
			continue
		}
		require.NoError(t, send(n))
	}
	require.ErrorIs(t, send(1), behaviors.ErrOpen)
	require.ErrorIs(t, send(7), errDown)
	require.ErrorIs(t, send(8), behaviors.ErrOpen, "it shares the breaker of 7")
	require.NoError(t, send(2))
	require.Len(t, b.Snapshot(), 4)
	require.Equal(t, behaviors.StateOpen, b.State(behaviors.BreakerOtherKeys))
}

type count struct {
	mediator.Yields[int]
	items func(yield func(int, error) bool)
}

func counter(t testing.TB, bs ...mediator.Behavior) func(items func(yield func(int, error) bool)) iter.Seq2[int, error] {
	m := newMediator(t, mediator.Use(bs...), mediator.HandleStream(func(_ context.Context, c count) iter.Seq2[int, error] { return c.items }))
	return func(items func(yield func(int, error) bool)) iter.Seq2[int, error] {
		return mediator.Stream(t.Context(), m, count{items: items})
	}
}

// For streams the outcome is that of the run; a consumer that stops early is no
// failure.
func TestBreakerAroundStreams(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	stream := counter(t, b)
	two := func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) }
	for range stream(two) {
		break
	}
	require.Panics(t, func() {
		for range stream(two) {
			panic("the consumer's own")
		}
	})
	require.Equal(t, behaviors.StateClosed, b.State())

	var got []int
	var last error
	for item, err := range stream(func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, errDown) }) {
		if last = err; err == nil {
			got = append(got, item)
		}
	}
	require.Equal(t, []int{1}, got)
	require.ErrorIs(t, last, errDown)
	for _, err := range stream(two) {
		require.ErrorIs(t, err, behaviors.ErrOpen)
	}
	b.Reset()
	require.Panics(t, func() {
		for range stream(func(func(int, error) bool) { panic("the handler's") }) {
			t.Error("no item")
		}
	})
	require.Equal(t, behaviors.StateOpen, b.State())
	b.Reset()
	require.Panics(t, func() {
		for range stream(func(yield func(int, error) bool) { yield(1, nil); panic("the handler's, later") }) {
		}
	})
	require.Equal(t, behaviors.StateOpen, b.State())
}

func TestBreakerStreamTrials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Trials: 1})
		stream := counter(t, b)
		one := func(yield func(int, error) bool) { yield(1, nil) }
		for _, err := range stream(func(yield func(int, error) bool) { yield(0, errDown) }) {
			require.ErrorIs(t, err, errDown)
		}
		time.Sleep(30 * time.Second)
		require.Panics(t, func() {
			for range stream(one) {
				panic("the consumer's own")
			}
		})
		require.Equal(t, behaviors.StateClosed, b.State(), "there was an item")
	})
}

func TestBreakerWarnsOfAFallbackInside(t *testing.T) {
	var warnings []string
	_, err := mediator.New(mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(behaviors.CircuitBreaker(behaviors.BreakerConfig{}), called("Fallback")),
		mediator.HandleCommand(func(context.Context, act) error { return nil }))
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "hides failures")
}

// called is a behavior that has a name and does nothing.
type called string

func (c called) BehaviorName() string                  { return string(c) }
func (c called) Wrap(next mediator.Next) mediator.Next { return noop{}.Wrap(next) }
