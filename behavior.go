package mediator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Behavior is a piece of the pipeline around handlers: of a request, of one
// subscriber's handling of a notification, of a whole run of a stream.
//
// Wrap runs once a handler, when its pipeline is composed, in [New] or [Listen];
// it must not return nil, nor use the mediator. What it returns is called concurrently. It may call
// next any number of times, one after the other, with another context, or not at
// all. See [Call] for what it can learn and change.
type Behavior interface {
	Wrap(next Next) Next
}

// BehaviorNamer is implemented by a [Behavior] that has a name: for warnings and
// for whoever shows the pipeline. Default: its type.
type BehaviorNamer interface {
	BehaviorName() string
}

// WiringChecker is implemented by a [Behavior] that knows which neighbors it
// cannot work with. [New] and [Listen] call it once a handler, with the behaviors
// outside and inside of it, the outermost first, and pass on the warnings it
// returns, see [OnWarning]. A warning says what is wrong and what to do.
type WiringChecker interface {
	CheckWiring(outer, inner []Behavior) (warnings []string)
}

// WiringLeaver is implemented by a [WiringChecker] that keeps what it has found, such
// as the neighbors that it watches. LeaveWiring is called with what CheckWiring was
// given when a subscription by [Listen] is stopped, once its handler is called no more.
// It must not use the mediator.
type WiringLeaver interface {
	LeaveWiring(outer, inner []Behavior)
}

// leaveWiring tells the behaviors among layers that they stand around nothing there.
func leaveWiring(layers []any) {
	bs := behaviorsAmong(layers)
	for i, b := range bs {
		if l, ok := b.(WiringLeaver); ok {
			l.LeaveWiring(bs[:i:i], bs[i+1:])
		}
	}
}

// GroupKeeper is implemented by a [Behavior] that stores something by the [Group] of
// subscribers, and finds them by it in the next version of the program. [New] and
// [Listen] warn where such a group is a default that others have, too.
type GroupKeeper interface {
	KeepsGroups() bool
}

func keepsGroups(layers []any) bool {
	for _, outer := range behaviorsAmong(layers) {
		for b := range unwrapping(outer) {
			if k, ok := b.(GroupKeeper); ok && k.KeepsGroups() {
				return true
			}
		}
	}
	return false
}

// unwrapping is b and what it stands for by a method Unwrap() Behavior, such as what
// a condition is around. One that unwraps into itself is not followed for ever.
func unwrapping(b Behavior) iter.Seq[Behavior] {
	return func(yield func(Behavior) bool) {
		for range maxDepth {
			if b == nil || !yield(b) {
				return
			}
			outer, ok := b.(interface{ Unwrap() Behavior })
			if !ok {
				return
			}
			b = outer.Unwrap()
		}
	}
}

// CallScoper is implemented by a [Behavior] that may promise to use its [Call] only
// until it returns, only on the goroutine it was called on, and to let panics
// through; nor does it have its next called by what runs inside of that. ScopedCall,
// which is asked when a handler is wired, tells whether it does. Then its Call need not
// end when it returns, which saves some nanoseconds a call: it ends with that of the
// behavior outside of it, and with the call at the latest.
//
// Where all behaviors around a handler of requests or notifications promise that, or
// what a [CallConfiner] does, nothing is guarded, and a call costs a third less; if it
// ends by a panic, its Call does not.
// Whoever breaks the promise there has a data race, which the race detector reports:
// another call may be handled with what was meant for this one.
//
// Beside a behavior that does not promise it, one that breaks the promise never
// reaches another call by that. But one that makes an error of a panic does not end
// what the panic left running: if the behavior outside tries again, its next gives
// [ErrNextRunning]. One that returns nil without calling next or SetResponse leaves
// the response that was there.
type CallScoper interface {
	ScopedCall() bool
}

// CallConfiner is implemented by a [Behavior] that may promise what a [CallScoper]
// does for requests and notifications alone, and may make errors of panics. It only
// tells where all others around the handler promise the one or the other.
type CallConfiner interface {
	ConfinesCall() bool
}

func scopesCall(b Behavior) bool {
	s, ok := b.(CallScoper)
	return ok && s.ScopedCall()
}

func confinesCall(b Behavior) bool {
	c, ok := b.(CallConfiner)
	return ok && c.ConfinesCall() || scopesCall(b)
}

// behaviorName is b's own name, or its type.
func behaviorName(b Behavior) string {
	if n, ok := b.(BehaviorNamer); ok {
		return n.BehaviorName()
	}
	return fmt.Sprintf("%T", b)
}

// BehaviorFunc is a function that is a [Behavior].
type BehaviorFunc func(next Next) Next

// Wrap calls f.
func (f BehaviorFunc) Wrap(next Next) Next { return f(next) }

// Around returns the Behavior that runs f for every call: the shortest way to
// write one. f is called concurrently.
func Around(f func(ctx context.Context, c Call, next Next) error) Behavior { return behavior(f) }

type behavior func(ctx context.Context, c Call, next Next) error

func (a behavior) Wrap(next Next) Next {
	return func(ctx context.Context, c Call) error { return a(ctx, c, next) }
}

// chain is a handler's composed behaviors.
type chain struct {
	first    Next
	depth    int  // how many of them have a Call of their own
	confined bool // nothing is guarded, see confines
	shared   bool // readings of the clock are, see Call.Now
}

// compose wraps the innermost next into the behaviors, the first of them
// outermost.
func compose(bs []Behavior, next Next, confined bool) (chain, error) {
	if len(bs) > maxDepth {
		return chain{}, fmt.Errorf("%d behaviors around one handler, at most %d are possible", len(bs), maxDepth)
	}
	depth, shared := min(1, len(bs)), confined && sharesSome(bs)
	var errs []error
	for i, b := range slices.Backward(bs) {
		if a, ok := b.(behavior); ok && i > 0 {
			next = a.guarded(next)
			depth++
			continue
		}
		takesTime := shared && !sharesClock(b)
		if takesTime {
			next = apart(next)
		}
		wrapped := b.Wrap(next)
		if wrapped == nil {
			errs = append(errs, fmt.Errorf("behavior %s: Wrap returned nil", behaviorName(b)))
			continue
		}
		next = wrapped
		if takesTime {
			next = apart(next)
		}
		if i > 0 && !confined && !scopesCall(b) {
			inner := next
			depth++
			next = behavior(func(ctx context.Context, c Call, _ Next) error { return inner(ctx, c) }).guarded(nil)
		}
	}
	return chain{first: next, depth: depth, confined: confined, shared: shared}, errors.Join(errs...)
}

// guarded is Wrap for every behavior but the outermost. It gives the behavior a
// handle of its own depth, which ends when the behavior returns, and notices when
// it is called again, or returns while something may still run below it. In the
// usual course, where each next is called once and returns, that is one
// compare-and-swap.
//
// It is not inlined, for the closure it returns would then miss the inlining of
// the atomic operations in it.
//
//go:noinline
func (a behavior) guarded(next Next) Next {
	return func(ctx context.Context, c Call) error {
		f := c.f
		if f == nil {
			return c.fail("next", ErrCallOver)
		}
		if s := f.state.Load(); (s^c.id)>>attemptShift == 0 && s&(endedMask|ran|running|responded) == 0 {
			c.id++
		} else {
			id, err := f.reenter(c.id)
			if err != nil {
				return c.fail("next", err)
			}
			c.id = id
		}
		err := a(ctx, c, next)
		s := f.state.Load()
		ended := s&^endedMask | endedAt(c.id&flagMask)
		if (s^c.id)>>attemptShift != 0 || s&(ran|running|locked) != ran || !f.state.CompareAndSwap(s, ended) {
			if f.abandon(c.id) && err == nil {
				err = c.fail("next", errCutOff)
			}
		} else if f.queues != nil {
			f.queues.leave(c.id & flagMask)
		}
		return err
	}
}

// reenter turns the handle of an outer behavior into that of the behavior below
// it. What is left of that one's earlier activation ends.
func (f *frame) reenter(id uint64) (uint64, error) {
	if err := f.lock(id); err != nil {
		return 0, err
	}
	defer f.unlock()
	depth := id&flagMask + 1
	if f.state.Load()&running != 0 {
		return 0, ErrNextRunning
	}
	f.detach(int(depth))
	s := f.state.Load() &^ responded
	f.state.Store(s)
	return s&^(flagMask|endedMask) | depth, nil
}

// abandon ends the activation with the handle id, whose behavior has returned,
// and all below it. It tells whether that cut a stream off.
func (f *frame) abandon(id uint64) (cutOff bool) {
	if f.lock(id) != nil {
		return false
	}
	if s := f.state.Load(); (s^id)>>attemptShift == 0 && s&ran != 0 {
		f.state.Store(s&^endedMask | endedAt(id&flagMask))
		f.unlock()
		f.queues.leave(id & flagMask)
		return false
	}
	delivers := f.state.Load()&delivering != 0
	left := f.detach(int(id & flagMask))
	f.unlock()
	cutOff = left != nil && left.abandoned(delivers)
	f.queues.leave(id & flagMask)
	return cutOff
}
