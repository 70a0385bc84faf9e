package behaviors

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
)

// circuit is the breaker of one key.
type circuit struct {
	c   *BreakerConfig
	key string
	now atomic.Pointer[period] // replaced with mu held

	mu       sync.Mutex
	changes  uint64
	reopened int
	rejected atomic.Uint64
}

// period is the time between two changes of state. Who is let through counts in
// the period that let it through, whatever has become of it since: that makes
// it the generation of the permit.
type period struct {
	state State
	since int64
	until int64 // the end of the break

	// StateClosed.
	window *window // nil if no ratio matters
	row    atomic.Int64

	// StateHalfOpen, with the circuit's mu held.
	running   []*trial // in the order they began
	successes int
}

// trial is the permit of a call in StateHalfOpen.
type trial struct{ begun int64 }

// result is what a call has come to.
type result struct {
	outcome Outcome
	slow    bool
	ended   int64 // see nanos; 0 if the clock was not read then
	err     error
}

func newCircuit(c *BreakerConfig, key string, s State) *circuit {
	k := &circuit{c: c, key: key}
	k.now.Store(k.period(s, nanos()))
	return k
}

func (k *circuit) period(s State, now int64) *period {
	p := &period{state: s, since: now}
	if s == StateClosed && (k.c.FailureRatio > 0 || k.c.SlowCall > 0) {
		p.window = newWindow(now, k.c.Window)
	}
	return p
}

// succeeded counts a call that was not slow, in StateClosed, at the time of c.
func (p *period) succeeded(c mediator.Call) {
	if p.row.Load() != 0 {
		p.row.Store(0)
	}
	if p.window != nil {
		p.window.add(windowOK, nanosOf(c))
	}
}

// takeBack has a call that was counted as a success, at the time at, not be one.
func (p *period) takeBack(at int64) {
	if p.window != nil {
		p.window.add(windowUndone, at)
	}
}

// change begins a period. mu is held; the caller calls what it returns when it
// no longer is.
func (k *circuit) change(to *period, err error) (notify func()) {
	from := k.now.Load()
	k.now.Store(to)
	if from.state == to.state {
		return func() {}
	}
	k.changes++
	if k.c.OnStateChange == nil {
		return func() {}
	}
	c := StateChange{Key: k.key, From: from.state, To: to.state, Number: k.changes, Err: err}
	if to.state == StateOpen {
		c.Break = time.Duration(to.until - to.since)
	}
	return func() { k.c.OnStateChange(c) }
}

// open begins a break. mu is held.
func (k *circuit) open(now int64, err error) (notify func()) {
	p := k.period(StateOpen, now)
	p.until = now + int64(k.breakTime())
	if p.until < now {
		p.until = math.MaxInt64
	}
	return k.change(p, err)
}

// breakTime is that of the break to come: longer the more often in a row it
// turned out to be too short.
func (k *circuit) breakTime() time.Duration {
	d := k.c.MaxBreak
	if grown := float64(k.c.Break) * math.Pow(k.c.BreakFactor, float64(k.reopened)); grown < float64(d) {
		d = time.Duration(grown)
	}
	d -= time.Duration(float64(d) * k.c.Jitter * rand.Float64())
	return max(k.c.Break, d)
}

// admit returns the period in which a call may run, and its permit if that is a
// trial, or an *OpenError.
func (k *circuit) admit() (*period, *trial, error) {
	for {
		now := nanos()
		p := k.now.Load()
		switch {
		case p.state == StateClosed:
			return p, nil, nil
		case p.state == StateIsolated, p.state == StateOpen && now < p.until:
			return nil, nil, k.reject(p, now)
		}
		t, notify := k.try(p, now)
		switch {
		case t != nil:
			return p, t, nil
		case notify == nil:
			return nil, nil, k.reject(p, now)
		}
		// Nobody holds a permit here, so none is lost if this panics.
		notify()
	}
}

// try takes a trial's permit in p, or moves on from p. If it can do neither it
// returns nil twice.
func (k *circuit) try(p *period, now int64) (t *trial, notify func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.now.Load() != p:
		return nil, func() {}
	case p.state == StateOpen:
		return nil, k.change(k.period(StateHalfOpen, now), nil)
	case p.hung(now, k.c.TrialWait):
		k.reopened++
		return nil, k.open(now, nil)
	case len(p.running)+p.successes < k.c.Trials:
		t = &trial{begun: now}
		p.running = append(p.running, t)
	}
	return t, nil
}

// hung tells whether a trial has taken too long. mu is held.
func (p *period) hung(now int64, wait time.Duration) bool {
	return len(p.running) > 0 && now-p.running[0].begun >= int64(wait)
}

func (k *circuit) reject(p *period, now int64) error {
	k.rejected.Add(1)
	e := &OpenError{Key: k.key, State: p.state}
	switch p.state {
	case StateOpen:
		e.after = time.Duration(p.until - now)
	case StateHalfOpen:
		e.after = k.c.Break / 10
	}
	return e
}

// settle takes what a call let through in p, with permit t if it was a trial, has
// come to.
func (k *circuit) settle(p *period, t *trial, r result) {
	if t != nil {
		k.settleTrial(p, t, r)()
		return
	}
	switch r.outcome {
	case OutcomeIgnored:
	case OutcomeSuccess:
		p.row.Store(0)
		k.count(p, windowOK, 0, r)
	default:
		k.count(p, windowFailed, p.row.Add(1), r)
	}
}

// count counts a call in p, after row failures in a row.
func (k *circuit) count(p *period, kind int, row int64, r result) {
	now := r.ended
	if now == 0 {
		now = nanos()
	}
	if p.window != nil {
		p.window.add(kind, now)
		if r.slow {
			p.window.add(windowSlow, now)
		}
	}
	if (kind == windowFailed || r.slow) && k.trips(p, row, now) {
		k.trip(p, r.err)()
	}
}

// trips tells whether the breaker has to open.
func (k *circuit) trips(p *period, row, now int64) bool {
	if k.c.ConsecutiveFailures > 0 && row >= int64(k.c.ConsecutiveFailures) {
		return true
	}
	if p.window == nil {
		return false
	}
	n := p.window.sum(now)
	if n.calls() < k.c.MinCalls {
		return false
	}
	reached := func(part int, ratio float64) bool { return ratio > 0 && float64(part) >= ratio*float64(n.calls()) }
	return reached(n.failed, k.c.FailureRatio) || reached(n.slow, k.c.SlowRatio)
}

func (k *circuit) trip(p *period, err error) (notify func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now.Load() != p {
		return func() {}
	}
	return k.open(nanos(), err)
}

func (k *circuit) settleTrial(p *period, t *trial, r result) (notify func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now.Load() != p {
		return func() {}
	}
	p.running = slices.DeleteFunc(p.running, func(other *trial) bool { return other == t })
	switch {
	case r.outcome == OutcomeIgnored:
		return func() {}
	case r.outcome != OutcomeSuccess, r.slow:
		k.reopened++
		return k.open(nanos(), r.err)
	}
	p.successes++
	if p.successes < k.c.Trials {
		return func() {}
	}
	k.reopened = 0
	return k.change(k.period(StateClosed, nanos()), nil)
}
