package health_test

import (
	"context"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
)

type upTo struct {
	mediator.Yields[int]
	N int
}

//go:noinline
func numbers(_ context.Context, q upTo) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range q.N {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// noop is what the Monitor is compared with.
var noop = mediator.BehaviorFunc(func(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error { return next(ctx, c) }
})

func BenchmarkStreamHealth(b *testing.B) {
	const items = 1_000_000
	for _, one := range []struct {
		name string
		with mediator.Behavior
	}{{"without", noop}, {"with", health.New(health.Config{})}} {
		b.Run(one.name, func(b *testing.B) {
			m := newMediator(b, mediator.Use(one.with), mediator.HandleStream(numbers))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range mediator.Stream(b.Context(), m, upTo{N: items}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != items {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
		})
	}
}

type ask struct {
	mediator.Returns[int]
	N int
}

func answer(_ context.Context, q ask) (int, error) { return q.N, nil }

func BenchmarkRequestHealth(b *testing.B) {
	for _, one := range []struct {
		name string
		with mediator.Behavior
	}{{"without", noop}, {"with", health.New(health.Config{})}} {
		b.Run(one.name, func(b *testing.B) {
			m := newMediator(b, mediator.Use(one.with), mediator.Handle(answer))
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if n, err := mediator.Send(ctx, m, ask{N: 7}); n != 7 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	h := health.New(health.Config{})
	m := newMediator(b, mediator.Use(h), mediator.HandleStream(numbers))
	next, stop := iter.Pull2(mediator.Stream(b.Context(), m, upTo{N: 1 << 30}))
	defer stop()
	if _, err, ok := next(); err != nil || !ok {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(h.Snapshot().Streams) != 1 {
			b.Fatal("a stream was lost")
		}
	}
}

func BenchmarkLookAt10000Streams(b *testing.B) {
	const streams = 10_000
	h := health.New(health.Config{})
	m := newMediator(b, mediator.Use(h), mediator.HandleStream(numbers))
	for range streams {
		next, stop := iter.Pull2(mediator.Stream(b.Context(), m, upTo{N: 1 << 30}))
		defer stop()
		if _, err, ok := next(); err != nil || !ok {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		health.Look(h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/streams, "ns/stream")
}
