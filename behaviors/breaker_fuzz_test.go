package behaviors_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// breakerModel is a breaker in the plainest way: it keeps every call.
type breakerModel struct {
	c        behaviors.BreakerConfig
	now      time.Duration
	state    behaviors.State
	period   int
	begun    time.Duration // the period
	until    time.Duration
	calls    []modelCall // of the period, that have ended
	row      int
	trials   map[int]time.Duration // that run, and when they began
	good     int
	reopened int
}

type modelCall struct {
	at     time.Duration
	failed bool
}

func (m *breakerModel) enter(s behaviors.State) {
	m.state, m.begun, m.calls, m.row, m.good = s, m.now, nil, 0, 0
	m.trials = map[int]time.Duration{}
	m.period++
	if s != behaviors.StateOpen {
		return
	}
	pause := m.c.Break
	for range m.reopened {
		pause = min(2*pause, m.c.MaxBreak)
	}
	m.until = m.now + pause
}

// look lets time take its effect, as far as a call would.
func (m *breakerModel) look() {
	if m.state == behaviors.StateOpen && m.now >= m.until {
		m.enter(behaviors.StateHalfOpen)
	}
	if m.state != behaviors.StateHalfOpen {
		return
	}
	for _, begun := range m.trials {
		if m.now-begun >= m.c.TrialWait {
			m.reopened++
			m.enter(behaviors.StateOpen)
			return
		}
	}
}

// begin lets a call in, or not.
func (m *breakerModel) begin(id int) (period int, ok bool) {
	m.look()
	switch m.state {
	case behaviors.StateClosed:
		return m.period, true
	case behaviors.StateHalfOpen:
		if len(m.trials)+m.good < m.c.Trials {
			m.trials[id] = m.now
			return m.period, true
		}
	}
	return 0, false
}

func (m *breakerModel) end(id, period int, o behaviors.Outcome) {
	if period != m.period {
		return
	}
	if m.state == behaviors.StateHalfOpen {
		delete(m.trials, id)
		switch o {
		case behaviors.OutcomeFailure:
			m.reopened++
			m.enter(behaviors.StateOpen)
		case behaviors.OutcomeSuccess:
			if m.good++; m.good == m.c.Trials {
				m.reopened = 0
				m.enter(behaviors.StateClosed)
			}
		}
		return
	}
	if o == behaviors.OutcomeIgnored {
		return
	}
	m.calls = append(m.calls, modelCall{m.now, o == behaviors.OutcomeFailure})
	m.row++
	if o == behaviors.OutcomeSuccess {
		m.row = 0
		return
	}
	ok, failed := m.window()
	if m.row >= m.c.ConsecutiveFailures ||
		ok+failed >= m.c.MinCalls && float64(failed) >= m.c.FailureRatio*float64(ok+failed) {
		m.enter(behaviors.StateOpen)
	}
}

func (m *breakerModel) window() (ok, failed int) {
	slice := m.c.Window / 10
	for _, c := range m.calls {
		switch {
		case (m.now-m.begun)/slice-(c.at-m.begun)/slice >= 10:
		case c.failed:
			failed++
		default:
			ok++
		}
	}
	return ok, failed
}

// modelOutcomes are the errors that stand for each outcome.
var modelOutcomes = map[behaviors.Outcome]error{
	behaviors.OutcomeFailure: errDown,
	behaviors.OutcomeSuccess: nil,
	behaviors.OutcomeIgnored: behaviors.ErrLimited,
}

// FuzzBreaker compares a breaker with the model, step by step, with calls that
// last over changes of state.
func FuzzBreaker(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 8, 200, 1, 1, 1})
	f.Add([]byte{3, 3, 3, 0, 0, 0, 0, 8, 255, 3, 4, 0, 4, 1, 8, 255, 4, 2})
	f.Add([]byte{0, 0, 0, 8, 100, 3, 8, 60, 1, 8, 120, 3, 3, 3, 3, 4, 0, 7, 6, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) { runBreakerModel(t, steps) })
	})
}

func runBreakerModel(t *testing.T, steps []byte) {
	model := &breakerModel{c: behaviors.BreakerConfig{
		FailureRatio: 0.5, ConsecutiveFailures: 4, MinCalls: 5, Window: 10 * time.Second,
		Break: 6 * time.Second, MaxBreak: 20 * time.Second, Jitter: -1, Trials: 2, TrialWait: 5 * time.Second,
	}}
	model.enter(behaviors.StateClosed)
	b := behaviors.CircuitBreaker(model.c)
	exec := actor(t, b)
	type held struct {
		id, period int
		end        chan error
	}
	var running []held
	var wg sync.WaitGroup
	id := 0
	// The first call makes the breaker's key, so that both begin at the same time.
	require.ErrorIs(t, exec(t.Context(), returns(behaviors.ErrFull)), behaviors.ErrFull)
	next := func() byte {
		if len(steps) == 0 {
			return 0
		}
		v := steps[0]
		steps = steps[1:]
		return v
	}
	begin := func() {
		id++
		period, ok := model.begin(id)
		h := held{id, period, make(chan error)}
		began := false
		var rejected error
		wg.Go(func() {
			err := exec(t.Context(), func(context.Context) error { began = true; return <-h.end })
			if errors.Is(err, behaviors.ErrOpen) {
				rejected = err
			}
		})
		synctest.Wait()
		require.Equal(t, ok, began)
		if ok {
			running = append(running, h)
		} else if after := requireRejected(t, rejected); model.state == behaviors.StateOpen {
			require.Equal(t, model.until-model.now, after)
		}
	}
	end := func(i int, o behaviors.Outcome) {
		h := running[i]
		running = append(running[:i:i], running[i+1:]...)
		model.end(h.id, h.period, o)
		h.end <- modelOutcomes[o]
		synctest.Wait()
	}
	for len(steps) > 0 {
		switch step := next() % 9; step {
		case 0, 1, 2: // a call that ends at once
			before := len(running)
			if begin(); len(running) > before {
				end(before, behaviors.Outcome(step))
			}
		case 3: // a call that goes on
			if len(running) < 10 {
				begin()
			}
		case 4, 5: // the end of one that went on
			if n := int(next()); len(running) > 0 {
				end(n%len(running), behaviors.Outcome(n/16%3))
			}
		case 6:
			b.Isolate()
			model.reopened = 0
			model.enter(behaviors.StateIsolated)
		case 7:
			b.Reset(actName)
			model.reopened = 0
			model.enter(behaviors.StateClosed)
		case 8:
			d := time.Duration(next()) * 100 * time.Millisecond
			time.Sleep(d)
			model.now += d
		}
		s := b.Snapshot()[0]
		if model.state == behaviors.StateClosed {
			ok, failed := model.window()
			require.Equal(t, []int{ok, failed, model.row}, []int{s.Successes, s.Failures, s.ConsecutiveFailures})
		}
		want := *model // look changes the model, as a call would
		want.look()
		require.Equal(t, want.state, s.State)
	}
	for len(running) > 0 {
		end(0, behaviors.OutcomeSuccess)
	}
	wg.Wait()
}
