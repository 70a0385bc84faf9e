package benchmarks_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
)

// placer is the interface that a program without a mediator would inject.
type placer interface {
	Place(context.Context, order) (receipt, error)
}

type shop struct{ p *probe }

func (s *shop) Place(ctx context.Context, o order) (receipt, error) {
	s.p.handle()
	return place(ctx, o)
}

// opaque hides the type behind the interface from the compiler, which would call the method directly otherwise.
//
//go:noinline
func opaque(p placer) placer { return p }

// openDirect calls the handler through an interface. It has no behaviors.
func openDirect(_ testing.TB, _ int, p *probe) sendRun {
	s := opaque(&shop{p: p})
	return sendRun{
		send: s.Place,
		loop: func(ctx context.Context, b *testing.B) {
			for b.Loop() {
				if r, err := s.Place(ctx, sample); err != nil || r.Total != sampleReceipt.Total {
					b.Fatal(r, err)
				}
			}
		},
		parallel: func(ctx context.Context, b *testing.B, pb *testing.PB) {
			for pb.Next() {
				if r, err := s.Place(ctx, sample); err != nil || r.Total != sampleReceipt.Total {
					b.Error(r, err)
					return
				}
			}
		},
	}
}

// registry is the mediator that programs write by hand: handlers in a map by the type of the request, behaviors
// around a handler that takes and returns any, chained once.
type registry struct {
	handlers map[reflect.Type]anyHandler
}

type (
	anyHandler  = func(context.Context, any) (any, error)
	anyBehavior = func(context.Context, any, anyHandler) (any, error)
)

var errUnrouted = errors.New("no handler")

func register[Q, R any](r *registry, h func(context.Context, Q) (R, error), bs ...anyBehavior) {
	next := func(ctx context.Context, q any) (any, error) { return h(ctx, q.(Q)) }
	for _, b := range bs {
		inner := next
		next = func(ctx context.Context, q any) (any, error) { return b(ctx, q, inner) }
	}
	r.handlers[reflect.TypeFor[Q]()] = next
}

func request[R, Q any](ctx context.Context, r *registry, q Q) (R, error) {
	h, ok := r.handlers[reflect.TypeFor[Q]()]
	if !ok {
		var zero R
		return zero, errUnrouted
	}
	res, err := h(ctx, q)
	if err != nil {
		var zero R
		return zero, err
	}
	return res.(R), nil
}

func openRegistry(_ testing.TB, behaviors int, p *probe) sendRun {
	r := &registry{handlers: make(map[reflect.Type]anyHandler)}
	bs := make([]anyBehavior, behaviors)
	for i := range bs {
		bs[i] = func(ctx context.Context, q any, next anyHandler) (any, error) {
			p.behave()
			return next(ctx, q)
		}
	}
	register(r, func(ctx context.Context, o order) (receipt, error) {
		p.handle()
		return place(ctx, o)
	}, bs...)

	return sendRun{
		send: func(ctx context.Context, o order) (receipt, error) { return request[receipt](ctx, r, o) },
		loop: func(ctx context.Context, b *testing.B) {
			for b.Loop() {
				if r, err := request[receipt](ctx, r, sample); err != nil || r.Total != sampleReceipt.Total {
					b.Fatal(r, err)
				}
			}
		},
		parallel: func(ctx context.Context, b *testing.B, pb *testing.PB) {
			for pb.Next() {
				if r, err := request[receipt](ctx, r, sample); err != nil || r.Total != sampleReceipt.Total {
					b.Error(r, err)
					return
				}
			}
		},
	}
}
