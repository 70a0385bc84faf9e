package mediator

import (
	"context"

	"github.com/fsmediator/mediator/internal/watch"
)

func init() {
	watch.Know(func(call any) *watch.Call {
		c, _ := call.(Call)
		return c.watched()
	}, func(call any) int {
		c, _ := call.(Call)
		return c.runs()
	})
}

// watched is what watches the call, nil for most. It goes through the pipeline with
// the Call, so that behaviors may hand on any context.
func (c Call) watched() *watch.Call {
	for t := c.taps; t != nil; t = t.outer {
		if t.watch != nil {
			return t.watch
		}
	}
	return nil
}

// watchedBy returns the tap by which a Call has w, nil without.
func watchedBy(w *watch.Call) *tap {
	if w == nil {
		return nil
	}
	return &tap{watch: w, f: func() {}}
}

// handler is a handler with what is around it, and the same for calls that are
// watched, which notes the runs of the innermost.
type handler[Q, R any] struct {
	call    func(ctx context.Context, q Q) (R, error)
	watched func(ctx context.Context, q Q, w *watch.Call) (R, error)
}

// innermost is h with nothing around it.
func innermost[Q, R any](h func(context.Context, Q) (R, error)) handler[Q, R] {
	return handler[Q, R]{h, func(ctx context.Context, q Q, w *watch.Call) (R, error) {
		w.Run()
		return h(ctx, q)
	}}
}

// typed puts a typed layer around h.
func (h handler[Q, R]) typed(around func(ctx context.Context, q Q, next func(context.Context, Q) (R, error)) (R, error)) handler[Q, R] {
	return handler[Q, R]{
		func(ctx context.Context, q Q) (R, error) { return around(ctx, q, h.call) },
		func(ctx context.Context, q Q, w *watch.Call) (R, error) {
			return around(ctx, q, func(ctx context.Context, q Q) (R, error) { return h.watched(ctx, q, w) })
		},
	}
}

// watched is call for one that w watches.
func (p *pipeline[Q, R]) watched(ctx context.Context, q Q, w *watch.Call) (R, error) {
	f := p.newFrame()
	f.own.q = q
	returned := false
	defer func() {
		if !returned {
			f.retire()
		}
	}()
	err := p.first(ctx, Call{f: &f.frame, taps: watchedBy(w)})
	returned = true
	return p.settle(f, err)
}

// watched is the step for a call that w watches.
func (s step[N]) watched(w *watch.Call) step[N] {
	made := step[N]{gate: s.gate, group: s.group}
	switch pipe, boxed, plain := s.pipe, s.boxed, s.plain; {
	case pipe != nil:
		made.handle = func(ctx context.Context, n N) error {
			_, err := pipe.watched(ctx, n, w)
			return err
		}
	case boxed != nil:
		made.handle = func(ctx context.Context, n N) error { return boxed(ctx, n, w) }
	default:
		if plain == nil {
			plain = s.handle
		}
		made.handle = func(ctx context.Context, n N) error {
			w.Run()
			return plain(ctx, n)
		}
	}
	return made
}
