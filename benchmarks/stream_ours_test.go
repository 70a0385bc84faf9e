package benchmarks_test

import (
	"context"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
)

// watch asks for the first n ticks.
type watch struct {
	mediator.Yields[tick]
	n int
}

// openOursStream ranges over a stream that runs inside the given number of behaviors.
func openOursStream(behaviors int) func(testing.TB, int, *probe) func(context.Context) (sum, error) {
	return func(tb testing.TB, n int, p *probe) func(context.Context) (sum, error) {
		m := newMediator(tb,
			mediator.Use(passOn(behaviors, p)...),
			mediator.HandleStream(func(_ context.Context, q watch) iter.Seq2[tick, error] {
				p.handle()
				return ticks(q.n)
			}),
		)
		return func(ctx context.Context) (sum, error) {
			var s sum
			for t, err := range mediator.Stream(ctx, m, watch{n: n}) {
				if err != nil {
					return s, err
				}
				s.add(t)
			}
			return s, nil
		}
	}
}

// openOursChan consumes a channel that the mediator fills from the handler's sequence.
func openOursChan(tb testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	m := newMediator(tb, mediator.HandleStream(func(_ context.Context, q watch) iter.Seq2[tick, error] {
		p.handle()
		return ticks(q.n)
	}))
	return consumeChan(m, n)
}

// openOursChanHandler has the handler send to a channel of its own, of the same capacity as that of the consumer.
func openOursChanHandler(tb testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	m := newMediator(tb, mediator.HandleStreamChan(func(_ context.Context, q watch, out chan<- tick) error {
		p.handle()
		for t := range ticks(q.n) {
			out <- t
		}
		return nil
	}, mediator.Capacity(chanCapacity)))
	return consumeChan(m, n)
}

func consumeChan(m *mediator.Mediator, n int) func(context.Context) (sum, error) {
	return func(ctx context.Context) (sum, error) {
		var s sum
		st := mediator.StreamChan(ctx, m, watch{n: n}, mediator.Capacity(chanCapacity))
		for t := range st.C {
			s.add(t)
		}
		return s, st.Err()
	}
}
