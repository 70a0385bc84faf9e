package benchmarks_test

import (
	"context"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
)

// watched are streams with one behavior around them.
var watched = []streamer{
	{name: "baseline", open: openOursStream(1), behaviors: 1},
	{name: "ours", open: openOursHealth},
}

// BenchmarkStreamHealth has what a Monitor costs an item.
func BenchmarkStreamHealth(b *testing.B) { benchStream(b, watched) }

func TestStreamHealth(t *testing.T) { testStream(t, watched) }

// openOursHealth ranges over a stream that a Monitor watches.
func openOursHealth(tb testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	m := newMediator(tb, mediator.Use(health.New(health.Config{})),
		mediator.HandleStream(func(_ context.Context, q watch) iter.Seq2[tick, error] {
			p.handle()
			return ticks(q.n)
		}))
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
