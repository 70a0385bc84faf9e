package mediator

import (
	"context"
	"sync/atomic"
)

// word is the state of a frame. Its plain methods are for calls that are confined to
// their goroutine, which nobody else looks at: a compare-and-swap takes 5 ns.
type word struct {
	_ [0]atomic.Uint64 // aligned for these on 32 bits, too
	v uint64
}

func (w *word) Load() uint64      { return atomic.LoadUint64(&w.v) }
func (w *word) Store(v uint64)    { atomic.StoreUint64(&w.v, v) }
func (w *word) plain() uint64     { return w.v }
func (w *word) setPlain(v uint64) { w.v = v }

func (w *word) CompareAndSwap(from, to uint64) bool {
	return atomic.CompareAndSwapUint64(&w.v, from, to)
}

// confines tells whether all of bs promise that a Call stays on its goroutine. Then
// there is nothing to guard it against.
func confines(bs []Behavior) bool {
	for _, b := range bs {
		if !confinesCall(b) {
			return false
		}
	}
	return len(bs) > 0
}

// callConfined is callGuarded where the chain is confined. A frame whose call panics is
// left to the collector.
func (p *pipeline[Q, R]) callConfined(ctx context.Context, q Q) (r R, err error) {
	f, _ := p.frames.Get().(*requestFrame[Q, R])
	if f == nil {
		f = p.newFrame()
	}
	f.own.q, f.now = q, 0
	id := f.state.plain()
	err = p.first(ctx, Call{f: &f.frame, id: id})
	if f.state.plain() != id|ran|responded {
		return p.settle(f, err)
	}
	f.state.setPlain(id + 1<<genShift)
	r = f.own.r
	f.own = exchange[Q, R]{}
	p.frames.Put(f)
	return r, err
}

// confinedTerminal is terminal where the chain is confined: the first run of a call is
// marked in the state without an atomic operation. What is out of the usual goes the
// guarded way.
//
//go:noinline
func confinedTerminal[Q, R any](h handler[Q, R]) Next {
	guarded, call := terminal(h), h.call
	return func(ctx context.Context, c Call) error {
		f := c.f
		if f == nil || c.taps != nil || f.state.plain() != c.id {
			return c.unusual(ctx, guarded)
		}
		content, ok := f.first.(*exchange[Q, R])
		if !ok {
			return c.failForeign()
		}
		in := c.id | running | inPlace
		f.state.setPlain(in)
		f.now = 0
		r, err := call(ctx, content.q)
		if f.state.plain() != in {
			return c.failOver(err)
		}
		content.r = r
		f.state.setPlain(in ^ (running | inPlace | ran | responded))
		return err
	}
}

// unusual is the guarded way of a confined call.
//
//go:noinline
func (c Call) unusual(ctx context.Context, guarded Next) error {
	c.Waited()
	if c.f != nil {
		c.f.unwound(c.id)
	}
	return guarded(ctx, c)
}

// unwound ends a confined run, which next is called after: its own goroutine is back
// from there, by a panic.
func (f *frame) unwound(id uint64) {
	if f.state.plain() == id|running|inPlace {
		f.state.setPlain(id | ran)
	}
}

// terminalOf is the innermost next inside of bs.
func terminalOf[Q, R any](h handler[Q, R], confined bool) Next {
	if confined {
		return confinedTerminal(h)
	}
	return terminal(h)
}
