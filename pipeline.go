package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
)

// pipeline runs calls with a request Q and a response R through a chain.
type pipeline[Q, R any] struct {
	chain
	info   *info
	call   func(ctx context.Context, q Q) (R, error)
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
	p.call = p.callGuarded
	if c.confined {
		p.call = p.callConfined
	}
	return p
}

func (p *pipeline[Q, R]) newFrame() *requestFrame[Q, R] {
	f := &requestFrame[Q, R]{frame: frame{info: p.info, confined: p.confined, shared: p.shared, pointer: isPointer[Q]()}}
	f.content, f.first = &f.own, &f.own
	f.floors = make([]atomic.Uint32, p.depth)
	if f.confined && !f.pointer {
		f.seen = &f.own.q
	}
	return f
}

// callGuarded runs q through the chain. It allocates nothing once it has run a few
// times, whatever the number of behaviors.
func (p *pipeline[Q, R]) callGuarded(ctx context.Context, q Q) (r R, err error) {
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
func terminal[Q, R any](h handler[Q, R]) Next {
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
			return c.failForeign()
		}
		returned := false
		defer func() {
			if !returned {
				f.leave(s, 0)
			}
		}()
		if w := c.watched(); w != nil {
			content.r, err = h.watched(ctx, content.q, w)
		} else {
			content.r, err = h.call(ctx, content.q)
		}
		returned = true
		if f.state.CompareAndSwap(s, s&^running|ran|responded) || f.leave(s, responded) {
			return err
		}
		return c.failOver(err)
	}
}

func (c Call) failForeign() error {
	return c.fail("next", fmt.Errorf("%w: the call is of another message", ErrMessageType))
}

// failOver is the error for what ended with err when its call was over.
func (c Call) failOver(err error) error { return c.fail("next", join(ErrCallOver, err)) }

// join is errors.Join without the slice where there is nothing to join.
func join(first, second error) error {
	if second == nil {
		return first
	}
	return errors.Join(first, second)
}

func (e *exchange[Q, R]) message() any  { return e.q }
func (e *exchange[Q, R]) address() any  { return &e.q }
func (e *exchange[Q, R]) response() any { return e.r }

func isPointer[Q any]() bool { return reflect.TypeFor[Q]().Kind() == reflect.Pointer }

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
func (e *exchange[Q, R]) abandoned(bool) bool {
	return false // without a response there is ErrNoResponse
}
