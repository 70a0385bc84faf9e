package health_test

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// gauged is a behavior with components of its own.
type gauged struct {
	mediator.BehaviorFunc
	state map[string]error
}

func (g *gauged) Health() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, err := range g.state {
			if !yield(name, err) {
				return
			}
		}
	}
}

// around is a behavior that stands for another.
type around struct{ mediator.Behavior }

func (a around) Unwrap() mediator.Behavior { return a.Behavior }

func TestSourcesAroundAHandlerAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := errors.New("open")
		state := map[string]error{"payments": open}
		g := &gauged{noop, state}
		h := newMonitor(health.Config{Sources: []health.Source{g, health.SourceFunc(func() iter.Seq2[string, error] { panic("rude") })}})
		require.Equal(t, "Health", h.BehaviorName())
		newMediator(t, mediator.Use(h, around{g}), jobs(around{g}), feeds(&gauged{noop, map[string]error{"rates": nil}}))
		r := h.Snapshot()
		require.Equal(t, []health.Component{{Name: "payments", Status: health.Warning, Err: open}, {Name: "rates"}}, r.Components)
		require.Equal(t, health.Warning, r.Status)
		require.Positive(t, r.Panics)
		status, _ := get(h.Handler(), "/healthz")
		require.Equal(t, 200, status, "an open breaker is no reason to give up the process")
		status, _ = get(h.Handler(), "/readyz")
		require.Equal(t, 200, status)
		delete(state, "payments")
		require.Equal(t, health.Healthy, h.Snapshot().Status)
	})
}

func TestASourceIsBounded(t *testing.T) {
	h := newMonitor(health.Config{Sources: []health.Source{health.SourceFunc(func() iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			name := ""
			for i := 1; yield(name, errors.New("broken")); i++ {
				name = strconv.Itoa(i)
			}
		}
	})}})
	components := h.Snapshot().Components
	require.Len(t, components, 1000)
	require.Equal(t, "health.SourceFunc", components[0].Name)
}

// A hundred subscriptions have a breaker each, all with the same key.
func TestComponentsOfOneNameAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, mediator.Use(h))
		var breakers []*behaviors.Breaker
		for range 100 {
			breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
			stop, err := mediator.Listen(m, func(context.Context, string) error { return errBroken }, mediator.Named("tick"), mediator.Use(breaker))
			require.NoError(t, err)
			defer stop()
			breakers = append(breakers, breaker)
		}
		require.ErrorIs(t, mediator.Publish(t.Context(), m, "tock"), errBroken)
		for _, breaker := range breakers[1:] {
			breaker.Reset()
		}
		require.Equal(t, []health.Component{{Name: "tick", Status: health.Warning, Err: h.Snapshot().Components[0].Err}}, h.Snapshot().Components)
		require.Error(t, h.Snapshot().Components[0].Err, "of the first")
	})
}

func TestSourcesLeaveWithTheLastSubscriptionTheyWereFoundWith(t *testing.T) {
	given := &gauged{noop, map[string]error{"given": nil}}
	h := newMonitor(health.Config{Sources: []health.Source{given}})
	hear := func(context.Context, told) error { return nil }
	m := newMediator(t, mediator.Use(h), mediator.Subscribe(hear, mediator.Use(&gauged{noop, map[string]error{"wired": nil}})))
	broken := &gauged{noop, map[string]error{"broken": errBroken}}
	listen := func() (stop func()) {
		stop, err := mediator.Listen(m, hear, mediator.Use(around{broken}, given))
		require.NoError(t, err)
		return stop
	}
	names := func() (found []string) {
		for _, c := range h.Snapshot().Components {
			found = append(found, c.Name)
		}
		return found
	}
	first, second := listen(), listen()
	first()
	require.Equal(t, []string{"given", "wired", "broken"}, names(), "one is left")
	require.Equal(t, health.Warning, h.Snapshot().Status)
	second()
	require.Equal(t, []string{"given", "wired"}, names())
	require.Equal(t, health.Healthy, h.Snapshot().Status)
}

// outerGauge is a Source that stands for another.
type outerGauge struct {
	gauged
	inner mediator.Behavior
}

func (o *outerGauge) Unwrap() mediator.Behavior { return o.inner }

func TestASourceInsideOfASourceIsFoundToo(t *testing.T) {
	h := newMonitor(health.Config{})
	inner := &gauged{noop, map[string]error{"inner": nil}}
	newMediator(t, mediator.Use(h), jobs(&outerGauge{gauged{noop, map[string]error{"outer": errBroken}}, inner}))
	require.Equal(t, []health.Component{{Name: "outer", Status: health.Warning, Err: errBroken}, {Name: "inner"}}, h.Snapshot().Components)
}

// It would not be found again when its subscription stops.
func TestASourceThatCannotBeComparedIsWarnedOf(t *testing.T) {
	h := newMonitor(health.Config{})
	var warnings []string
	m, err := mediator.New(mediator.Use(h), mediator.OnWarning(func(w string) { warnings = append(warnings, w) }))
	require.NoError(t, err)
	for range 3 {
		stop, err := mediator.Listen(m, func(context.Context, told) error { return nil }, mediator.Use(values{noop, map[string]error{"it": nil}}))
		require.NoError(t, err)
		stop()
	}
	require.Empty(t, h.Snapshot().Components)
	require.Contains(t, warnings[0], "health_test.values is a health.Source of a type that cannot be compared")
	require.NoError(t, m.Close(t.Context()))
}

// values is a Source that is no pointer.
type values gauged

func (v values) Health() iter.Seq2[string, error] { return (*gauged)(&v).Health() }
