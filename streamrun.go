package mediator

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync/atomic"

	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// streamTerminal is the innermost next of a stream: it runs the handler and
// gives the items to the consumer.
func streamTerminal[Q, T any](h func(context.Context, Q) iter.Seq2[T, error]) Next {
	return func(ctx context.Context, c Call) error {
		f := c.f
		if f == nil {
			return c.fail("next", ErrCallOver)
		}
		if ctx.Err() != nil && c.Err() == nil && !c.Stopped() { // it is no run
			return ending.Of(ctx)
		}
		s, err := f.enter(c.id, locked)
		if err != nil {
			return c.fail("next", err)
		}
		content, ok := f.content.(*streamContent[Q, T])
		if !ok {
			f.unlock()
			f.leave(s&^locked, 0)
			return c.failForeign()
		}
		r := &streamRun[T]{f: f, state: s &^ locked, out: content.out, taps: c.taps, busy: true, outer: ctx}
		if b := c.taps.boundary(); b != nil {
			r.out, r.taps = b.inner.(*pump[T]).out, c.taps.upTo(b)
		}
		r.ctx, r.cancel = context.WithCancelCause(ctx)
		content.run = r
		f.unlock()
		err = r.outcome(r.do(func() iter.Seq2[T, error] {
			c.watched().Run()
			return h(r.ctx, content.q)
		}))
		if r.lost {
			return c.failOver(err)
		}
		return err
	}
}

// streamRun is one run of a stream's handler.
type streamRun[T any] struct {
	// What each item needs stands together.
	f     *frame
	state uint64 // that of the frame for as long as this run counts
	out   *outlet[T]
	ctx   context.Context
	taps  *tap // up to the next queue outwards
	busy  bool // before the first item, in the loop body, and after the end

	over     bool            // yield has returned false
	returned bool            // the handler has, without a panic
	lost     bool            // abandoned
	released bool            // it has given the turn back
	bail     bool            // the handler is being unwound
	outer    context.Context // without cancel
	cancel   context.CancelCauseFunc
	cut      atomic.Pointer[error] // what Interrupt was given
	err      error                 // why the run is over
}

// unwind is what a handler panics with that yields after it was told to stop.
type unwind struct{}

var errNilSequence = errors.New("the handler returned a nil sequence")

// do runs the handler and returns why it ended: nil if it has delivered all its
// items or the consumer has stopped.
func (r *streamRun[T]) do(start func() iter.Seq2[T, error]) (err error) {
	defer r.settle()
	if r.out.done() {
		return nil
	}
	items := start()
	if items == nil {
		return errNilSequence
	}
	r.iterate(items)
	r.returned = true
	if r.err == nil && !r.lost && (r.state&delivering == 0 || !r.out.stopped) && r.ctx.Err() != nil {
		return ending.Of(r.ctx)
	}
	return r.err
}

// outcome is err, or what Interrupt was given if that is why the run has ended.
func (r *streamRun[T]) outcome(err error) error {
	cut := r.cut.Load()
	switch {
	case cut == nil || err == nil:
		return err
	case wrapped.Is(err, *cut):
		if r.outer.Err() == nil && wrapped.Is(err, context.Canceled) {
			return *cut // the context was cancelled for no other reason
		}
		return err
	}
	return errors.Join(*cut, err)
}

// interrupt ends the run with cause.
func (r *streamRun[T]) interrupt(cause error) bool {
	if !r.cut.CompareAndSwap(nil, &cause) {
		return false
	}
	r.cancel(cause)
	return true
}

// iterate runs the iterator, and ends one that ignores the end.
func (r *streamRun[T]) iterate(items iter.Seq2[T, error]) {
	defer func() {
		if !r.bail {
			return
		}
		if v := recover(); v != nil && v != any(unwind{}) {
			panic(v)
		}
	}()
	items(r.deliver())
}

// settle ends the run, however it ended.
func (r *streamRun[T]) settle() {
	r.cancel(nil)
	if r.busy && !r.over && r.state&delivering != 0 {
		// The consumer's loop body panicked. Should a behavior recover that, the
		// panic still goes on where the loop is.
		r.out.inBody = true
		if v := recover(); v != nil {
			r.out.panicked, r.out.panicValue = true, v
			defer panic(v)
		}
	}
	if !r.returned && !r.lost && r.state&delivering != 0 {
		r.out.broken = !r.out.inBody
	}
	if !r.lost && !r.f.leave(r.state, 0) {
		r.lose()
	}
	r.release()
}

// lose notes that the run was abandoned; the consumer is not called any more.
func (r *streamRun[T]) lose() bool {
	r.busy, r.lost, r.over = true, true, true
	r.release()
	return false
}

// release gives the turn back that first took.
func (r *streamRun[T]) release() {
	if r.state&delivering != 0 && !r.released {
		r.released = true
		<-r.out.turn
	}
}

// stop has the handler's yield return false from now on. Its context is cancelled
// before it learns of it, for it may wait for goroutines that heed the context.
func (r *streamRun[T]) stop(err error) bool {
	r.busy, r.over, r.err = true, true, err
	r.cancel(nil)
	return false
}

// deliver is the handler's yield. In the usual course it looks at four words and
// calls the loop body. It is a closure, for a method value would cost each item a
// second call.
//
//go:noinline // for the atomic operations in the closure to be inlined
func (r *streamRun[T]) deliver() func(item T, err error) bool {
	return func(item T, err error) bool {
		if r.busy || err != nil || r.f.state.Load() != r.state || r.ctx.Err() != nil {
			if !r.mayDeliver(err) {
				return false
			}
		}
		for t := r.taps; t != nil; t = t.outer {
			if t.keep == nil {
				t.f()
			} else if !t.keep() {
				return true
			}
		}
		r.busy = true
		more := r.out.yield(item, nil)
		r.busy = false
		if !more {
			r.out.stopped = true
			r.stop(nil)
		}
		if r.f.state.Load() != r.state && !r.counts() {
			return r.lose()
		}
		return more
	}
}

// mayDeliver sorts out what is not the usual course: the first item, the end, and
// what comes after it.
func (r *streamRun[T]) mayDeliver(err error) bool {
	switch {
	case r.over:
		r.bail = true
		panic(unwind{})
	case !r.counts():
		return r.lose()
	case err != nil:
		return r.stop(ending.Told(r.ctx, err))
	case r.ctx.Err() != nil:
		return r.stop(ending.Of(r.ctx))
	case r.state&delivering == 0:
		if !r.first() {
			return r.lose()
		}
		r.busy = false
	case r.busy: // the loop body panicked, and the handler recovered that
		r.out.inBody = true
		return r.stop(nil)
	}
	return true
}

// counts tells whether the frame's state is this run's, but for a lock.
func (r *streamRun[T]) counts() bool { return r.f.state.Load()&^locked == r.state }

// first takes the turn and marks the run as delivering, so that whoever abandons
// it waits.
func (r *streamRun[T]) first() bool {
	r.out.turn <- struct{}{}
	for !r.f.state.CompareAndSwap(r.state, r.state|delivering) {
		if !r.counts() {
			<-r.out.turn
			return false
		}
		runtime.Gosched()
	}
	r.state |= delivering
	return true
}
