package behaviors

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

// Breaker keeps calls from what fails: a [mediator.Behavior], made by
// [CircuitBreaker]. It is safe for concurrent use.
//
// A call that is not let through gets an [*OpenError]. Errors of calls that are
// pass unchanged. It does not run a call whose context has ended, and does not
// count one whose caller has cancelled. A panic and [runtime.Goexit] are failures.
//
// A run of a stream counts as a success with its first item, and again for each
// tenth of the window that it goes on delivering: however long streams last, those
// that are well are in the window beside those that fail. That its consumer leaves,
// or panics in its loop, or cancels, takes nothing from that; without an item the
// first is a success and the others are ignored. A run that fails after items is
//
//   - no failure if a [Retry] around the breaker has it go on after new items: see
//     [ResumeFrom] and [StreamMode];
//   - otherwise a failure, and instead of a success if it has not delivered for a tenth
//     of the window, so that streams that all break off are nothing but failures.
//
// A trial that is a stream has succeeded with its first item, however long it then
// runs; a failure within that tenth still counts while the other trials run.
//
// Every change of state begins a new count: what a call that began before it
// comes to counts nowhere. A stream counts anew by what it goes on to deliver.
type Breaker struct {
	c        BreakerConfig
	circuits atomic.Pointer[map[string]*circuit] // replaced, never changed

	forcing sync.Mutex // held through a whole Isolate or Reset, and before mu

	mu       sync.Mutex // held to replace circuits
	isolated bool       // those still to come, too
}

// CircuitBreaker returns a [Breaker] for all the handlers it is put around: each
// message name has a state of its own, unless c asks for another scope. So all the
// subscribers of one event that it stands around share a state, and one that fails
// keeps the event from the others: [BreakerConfig.PerHandler] separates them. It
// panics if c makes no sense.
func CircuitBreaker(c BreakerConfig) *Breaker {
	b := &Breaker{c: c.complete()}
	b.circuits.Store(&map[string]*circuit{})
	return b
}

// BehaviorName returns "CircuitBreaker".
func (b *Breaker) BehaviorName() string { return "CircuitBreaker" }

// CheckWiring warns of a Fallback inside: the breaker would never see a failure; and
// of a Retry that stands inside alone: the breaker would not see attempts.
func (b *Breaker) CheckWiring(outer, inner []mediator.Behavior) (warnings []string) {
	if hasBehavior(inner, "Fallback") {
		warnings = append(warnings, "Fallback stands inside and hides failures from the breaker: put it outside")
	}
	// Where another Retry stands outside, that has warned already.
	if hasBehavior(inner, "Retry") && !mayHaveBehavior(outer, "Retry") {
		warnings = append(warnings, "there is a Retry inside: all attempts of a call count as one, and they go on when the breaker opens; put the Retry outside")
	}
	return warnings
}

// Wrap implements [mediator.Behavior].
func (b *Breaker) Wrap(next mediator.Next) mediator.Next {
	w := &breakerWrap{b: b, next: next}
	return w.call
}

// State returns the state that a call with the key would find; a break that is
// over is StateHalfOpen. Of several keys it is the worst, without keys the worst
// of all. A key that was never used is closed, unless all are isolated; beyond
// [BreakerConfig.MaxKeys] it has the state of [BreakerOtherKeys].
func (b *Breaker) State(keys ...string) State {
	worst := StateClosed
	for _, k := range b.some(keys) {
		if k == nil {
			worst = max(worst, b.initial())
			continue
		}
		worst = max(worst, k.state(nanos()))
	}
	if len(keys) == 0 {
		worst = max(worst, b.initial())
	}
	return worst
}

// Isolate lets no more calls with the keys through, until Reset; without keys,
// no calls at all, also with keys that are not known yet. A key that was never
// used takes up one of [BreakerConfig.MaxKeys]; beyond them it shares the breaker
// [BreakerOtherKeys], and that is isolated for all that share it. Of an Isolate
// and a Reset at once, one comes wholly after the other.
func (b *Breaker) Isolate(keys ...string) { b.force(StateIsolated, keys) }

// Reset closes the breakers of the keys, or all, and forgets what they have
// counted. A key beyond [BreakerConfig.MaxKeys] stands for [BreakerOtherKeys], as
// with Isolate.
func (b *Breaker) Reset(keys ...string) { b.force(StateClosed, keys) }

// Snapshot returns how each breaker is doing, in the order of their keys. It
// takes no lock that a closed breaker needs.
func (b *Breaker) Snapshot() []BreakerSnapshot {
	circuits := *b.circuits.Load()
	all := make([]BreakerSnapshot, 0, len(circuits))
	for _, key := range slices.Sorted(maps.Keys(circuits)) {
		all = append(all, circuits[key].snapshot())
	}
	return all
}

func (b *Breaker) initial() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isolated {
		return StateIsolated
	}
	return StateClosed
}

// some returns the circuits of the keys, nil for each that is not there, or all.
func (b *Breaker) some(keys []string) []*circuit {
	circuits := *b.circuits.Load()
	if len(keys) == 0 {
		return slices.Collect(maps.Values(circuits))
	}
	found := make([]*circuit, len(keys))
	for i, key := range keys {
		k, ok := circuits[key]
		if !ok && len(circuits) >= b.c.MaxKeys {
			k = circuits[BreakerOtherKeys]
		}
		found[i] = k
	}
	return found
}

func (b *Breaker) force(s State, keys []string) {
	for _, notify := range b.forceAll(s, keys) {
		notify()
	}
}

// forceAll returns what to call when no lock is held any more.
func (b *Breaker) forceAll(s State, keys []string) (notify []func()) {
	b.forcing.Lock()
	defer b.forcing.Unlock()
	if len(keys) == 0 {
		b.mu.Lock()
		b.isolated = s == StateIsolated
		b.mu.Unlock()
	} else if s == StateIsolated {
		for _, key := range keys {
			b.circuit(key)
		}
	}
	for _, k := range b.some(keys) {
		if k != nil {
			notify = append(notify, k.force(s))
		}
	}
	return notify
}

// circuit returns that of the key, and makes it if need be.
func (b *Breaker) circuit(key string) *circuit {
	if k, ok := (*b.circuits.Load())[key]; ok {
		return k
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	circuits := *b.circuits.Load()
	if len(circuits) >= b.c.MaxKeys {
		if _, ok := circuits[key]; !ok {
			key = BreakerOtherKeys
		}
	}
	if k, ok := circuits[key]; ok {
		return k
	}
	s := StateClosed
	if b.isolated {
		s = StateIsolated
	}
	// The key may be a part of something large.
	k := newCircuit(&b.c, strings.Clone(key), s)
	more := maps.Clone(circuits)
	more[k.key] = k
	b.circuits.Store(&more)
	return k
}

// breakerWrap is a breaker around one handler.
type breakerWrap struct {
	b     *Breaker
	next  mediator.Next
	bound atomic.Pointer[boundCircuit]
}

// boundCircuit is the circuit of a message name. A handler mostly has one name;
// a subscriber to an interface has those of all the types that arrive.
type boundCircuit struct {
	name string
	*circuit
	fixed bool // no call has another name: only a subscriber to an interface gets several
}

func (w *breakerWrap) find(c mediator.Call) *circuit {
	bound := w.bound.Load()
	if bound != nil && (bound.fixed || bound.name == c.Name()) {
		return bound.circuit
	}
	if w.b.c.Key != nil {
		return w.b.circuit(w.b.c.Key(c))
	}
	name := c.Name()
	key := name
	if w.b.c.PerHandler && c.Handler() != "" {
		key += " to " + c.Handler()
	}
	k := w.b.circuit(key)
	if bound == nil {
		w.bound.Store(&boundCircuit{name: name, circuit: k, fixed: c.Kind() != mediator.KindNotification})
	}
	return k
}

func (w *breakerWrap) call(ctx context.Context, c mediator.Call) error {
	if ctx.Err() != nil {
		return ending.Of(ctx)
	}
	k := w.find(c)
	p := k.now.Load()
	if p.state != StateClosed || w.b.c.SlowCall > 0 || c.Kind() == mediator.KindStream {
		return w.admit(ctx, c, k, p)
	}
	return w.usual(ctx, c, k, p)
}

// admit is call where more matters than whether the call fails.
func (w *breakerWrap) admit(ctx context.Context, c mediator.Call, k *circuit, p *period) error {
	var t *trial
	if p.state != StateClosed {
		var err error
		p, t, err = k.admit()
		c.Waited()
		if err != nil {
			return err
		}
	}
	switch {
	case c.Kind() == mediator.KindStream:
		return w.stream(ctx, c, &streamPermit{b: w.b, k: k, p: p, t: t, begun: nanos()})
	case t != nil || w.b.c.SlowCall > 0:
		return w.watch(ctx, c, k, p, t)
	}
	return w.usual(ctx, c, k, p)
}

// usual is a call in StateClosed.
func (w *breakerWrap) usual(ctx context.Context, c mediator.Call, k *circuit, p *period) error {
	settled := false
	defer func() {
		if !settled {
			k.settle(p, nil, result{outcome: OutcomeFailure})
		}
	}()
	err := w.next(ctx, c)
	if err == nil {
		settled = true
		p.succeeded(c)
		return nil
	}
	r := result{outcome: judge(ctx, err, w.b.c.Classify), err: err}
	settled = true
	k.settle(p, nil, r)
	c.Waited()
	return err
}

// watch is call for a trial, and where slow calls matter.
func (w *breakerWrap) watch(ctx context.Context, c mediator.Call, k *circuit, p *period, t *trial) error {
	settled := false
	defer func() {
		if !settled {
			k.settle(p, t, result{outcome: OutcomeFailure})
		}
	}()
	begun := nanosOf(c)
	err := w.next(ctx, c)
	ended := nanosOf(c)
	r := result{outcome: judge(ctx, err, w.b.c.Classify), slow: w.b.slow(ended - begun), ended: ended, err: err}
	settled = true
	k.settle(p, t, r)
	c.Waited()
	return err
}

func (b *Breaker) slow(took int64) bool { return b.c.SlowCall > 0 && took > int64(b.c.SlowCall) }
