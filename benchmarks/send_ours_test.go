package benchmarks_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
)

// placeOrder is an order that names its response, which takes no space.
type placeOrder struct {
	mediator.Returns[receipt]
	order
}

// passOn returns n behaviors that do nothing but call the next.
func passOn(n int, p *probe) []mediator.Behavior {
	return slices.Repeat([]mediator.Behavior{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		p.behave()
		return next(ctx, c)
	})}, n)
}

// scoped is such a behavior that promises to keep no Call, as most of package behaviors do.
type scoped struct{ p *probe }

func (s scoped) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		s.p.behave()
		return next(ctx, c)
	}
}

func (scoped) ScopedCall() bool { return true }

func passOnScoped(n int, p *probe) []mediator.Behavior {
	return slices.Repeat([]mediator.Behavior{scoped{p}}, n)
}

// newMediator wires a mediator that is closed when tb ends.
func newMediator(tb testing.TB, opts ...mediator.Option) *mediator.Mediator {
	tb.Helper()
	m, err := mediator.New(opts...)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, m.Close(context.Background())) })
	return m
}

func openOurs(tb testing.TB, behaviors int, p *probe) sendRun {
	return openWith(tb, passOn(behaviors, p), p)
}

func openOursScoped(tb testing.TB, behaviors int, p *probe) sendRun {
	return openWith(tb, passOnScoped(behaviors, p), p)
}

func openWith(tb testing.TB, around []mediator.Behavior, p *probe) sendRun {
	m := newMediator(tb,
		mediator.Use(around...),
		mediator.Handle(func(ctx context.Context, q placeOrder) (receipt, error) {
			p.handle()
			return place(ctx, q.order)
		}),
	)
	return sendRun{
		send: func(ctx context.Context, o order) (receipt, error) {
			return mediator.Send(ctx, m, placeOrder{order: o})
		},
		loop: func(ctx context.Context, b *testing.B) {
			q := placeOrder{order: sample}
			for b.Loop() {
				if r, err := mediator.Send(ctx, m, q); err != nil || r.Total != sampleReceipt.Total {
					b.Fatal(r, err)
				}
			}
		},
		parallel: func(ctx context.Context, b *testing.B, pb *testing.PB) {
			q := placeOrder{order: sample}
			for pb.Next() {
				if r, err := mediator.Send(ctx, m, q); err != nil || r.Total != sampleReceipt.Total {
					b.Error(r, err)
					return
				}
			}
		},
	}
}
