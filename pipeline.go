package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
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

// CallScoper is implemented by a [Behavior] that may promise to use its [Call] only
// until it returns, only on the goroutine it was called on, and to let panics
// through. ScopedCall, which is called once a handler, tells whether it does. Then
// its Call need not end when it returns, which saves some nanoseconds a call: it
// ends with that of the behavior outside of it, and with the call at the latest.
//
// A behavior that breaks the promise never reaches another call by that. But one
// that makes an error of a panic does not end what the panic left running: if the
// behavior outside tries again, its next gives [ErrNextRunning]. One that returns
// nil without calling next or SetResponse leaves the response that was there.
type CallScoper interface {
	ScopedCall() bool
}

func scopesCall(b Behavior) bool {
	s, ok := b.(CallScoper)
	return ok && s.ScopedCall()
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
	first Next
	depth int // how many of them have a Call of their own
}

// compose wraps the innermost next into the behaviors, the first of them
// outermost.
func compose(bs []Behavior, next Next) (chain, error) {
	if len(bs) > maxDepth {
		return chain{}, fmt.Errorf("%d behaviors around one handler, at most %d are possible", len(bs), maxDepth)
	}
	depth := min(1, len(bs))
	var errs []error
	for i, b := range slices.Backward(bs) {
		if a, ok := b.(behavior); ok && i > 0 {
			next = a.guarded(next)
			depth++
			continue
		}
		wrapped := b.Wrap(next)
		if wrapped == nil {
			errs = append(errs, fmt.Errorf("behavior %s: Wrap returned nil", behaviorName(b)))
			continue
		}
		next = wrapped
		if i > 0 && !scopesCall(b) {
			inner := next
			depth++
			next = behavior(func(ctx context.Context, c Call, _ Next) error { return inner(ctx, c) }).guarded(nil)
		}
	}
	return chain{first: next, depth: depth}, errors.Join(errs...)
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
			f.abandon(c.id)
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
// and all below it.
func (f *frame) abandon(id uint64) {
	if f.lock(id) != nil {
		return
	}
	if s := f.state.Load(); (s^id)>>attemptShift == 0 && s&ran != 0 {
		f.state.Store(s&^endedMask | endedAt(id&flagMask))
		f.unlock()
		f.queues.leave(id & flagMask)
		return
	}
	delivers := f.state.Load()&delivering != 0
	left := f.detach(int(id & flagMask))
	f.unlock()
	if left != nil {
		left.abandoned(delivers)
	}
	f.queues.leave(id & flagMask)
}

// pipeline runs calls with a request Q and a response R through a chain.
type pipeline[Q, R any] struct {
	chain
	info   *info
	done   uint64 // the state, but for the generation, after the usual course
	mustBe bool   // a response is needed for success
	frames sync.Pool
}

// requestFrame is a frame with room for its first content.
type requestFrame[Q, R any] struct {
	frame
	own exchange[Q, R]
}

// exchange is the content of a request's or a notification's frame.
type exchange[Q, R any] struct {
	q Q
	r R
}

func newPipeline[Q, R any](c chain, i *info) *pipeline[Q, R] {
	none := reflect.TypeFor[R]() == reflect.TypeFor[None]()
	p := &pipeline[Q, R]{chain: c, info: i, done: ran | responded, mustBe: !none}
	if c.depth > 1 {
		p.done |= endedAt(1)
	}
	return p
}

func (p *pipeline[Q, R]) newFrame() *requestFrame[Q, R] {
	f := &requestFrame[Q, R]{frame: frame{info: p.info}}
	f.content, f.first = &f.own, &f.own
	f.floors = make([]atomic.Uint32, p.depth)
	return f
}

// call runs q through the chain. It allocates nothing once it has run a few
// times, whatever the number of behaviors.
func (p *pipeline[Q, R]) call(ctx context.Context, q Q) (r R, err error) {
	f, _ := p.frames.Get().(*requestFrame[Q, R])
	if f == nil {
		f = p.newFrame()
	}
	f.own.q = q
	id := f.state.Load()
	returned := false
	defer func() {
		if !returned {
			f.retire()
		}
	}()
	err = p.first(ctx, Call{f: &f.frame, id: id})
	returned = true
	if f.state.CompareAndSwap(id|p.done, id+1<<genShift) {
		r = f.own.r
		f.own = exchange[Q, R]{}
		p.frames.Put(f)
		return r, err
	}
	return p.settle(f, err)
}

// settle ends a call that did not go the usual way: it was answered without the
// handler, has no response, or left a goroutine behind.
func (p *pipeline[Q, R]) settle(f *requestFrame[Q, R], err error) (r R, _ error) {
	s := f.retire()
	// What runs on still uses the content, so that is left to the collector.
	if s&running == 0 {
		content := f.content.(*exchange[Q, R])
		if s&responded != 0 {
			r = content.r
		}
		if content == &f.own {
			f.own = exchange[Q, R]{}
			for i := range f.floors {
				f.floors[i].Store(0)
			}
			p.frames.Put(f)
		}
	}
	if err == nil && p.mustBe && s&(running|responded) != responded {
		err = &Error{Op: "send", Name: p.info.name, Err: fmt.Errorf(
			"%w: a behavior returned nil without calling next or SetResponse", ErrNoResponse)}
	}
	return r, err
}

// terminal is the innermost next: it takes the message from the frame, runs the
// handler and leaves its response in the frame.
//
// It is not inlined, for the closure it returns would then miss the inlining of
// the atomic operations in it.
//
//go:noinline
func terminal[Q, R any](h func(context.Context, Q) (R, error)) Next {
	return func(ctx context.Context, c Call) (err error) {
		f := c.f
		if f == nil {
			return c.fail("next", ErrCallOver)
		}
		s := f.state.Load()
		held := f.first
		if n := s | running; (s^c.id)>>attemptShift == 0 && s&(1<<genShift-1) == 0 && f.state.CompareAndSwap(s, n) {
			s = n
		} else {
			// With the frame locked, for an outer behavior may give up and detach.
			if s, err = f.enter(c.id, locked); err != nil {
				return c.fail("next", err)
			}
			held = f.content
			f.unlock()
			s &^= locked
		}
		content, ok := held.(*exchange[Q, R])
		if !ok {
			f.leave(s, 0)
			return c.fail("next", fmt.Errorf("%w: the call is of another message", ErrMessageType))
		}
		returned := false
		defer func() {
			if !returned {
				f.leave(s, 0)
			}
		}()
		content.r, err = h(ctx, content.q)
		returned = true
		if f.state.CompareAndSwap(s, s&^running|ran|responded) || f.leave(s, responded) {
			return err
		}
		return c.fail("next", join(ErrCallOver, err))
	}
}

// join is errors.Join without the slice where there is nothing to join.
func join(first, second error) error {
	if second == nil {
		return first
	}
	return errors.Join(first, second)
}

func (e *exchange[Q, R]) message() any  { return e.q }
func (e *exchange[Q, R]) address() any  { return addressOf(&e.q) }
func (e *exchange[Q, R]) response() any { return e.r }

func addressOf[Q any](q *Q) any {
	if reflect.TypeFor[Q]().Kind() == reflect.Pointer {
		return *q
	}
	return q
}

func (e *exchange[Q, R]) accepts(v any) error {
	if _, ok := v.(R); ok || v == nil && nilable(reflect.TypeFor[R]()) {
		return nil
	}
	return fmt.Errorf("%w: the response is a %v, not a %T", ErrMessageType, reflect.TypeFor[R](), v)
}

func nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface, reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return true
	}
	return false
}

func (e *exchange[Q, R]) setResponse(v any) { e.r, _ = v.(R) }
func (e *exchange[Q, R]) replace() content  { return &exchange[Q, R]{q: e.q} }
func (e *exchange[Q, R]) abandoned(bool)    {}
