package mediator_test

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"testing"

	"github.com/fsmediator/mediator"
)

type place struct {
	mediator.Returns[placed]
	SKU        string
	Qty, Price int
}

type placed struct {
	SKU   string
	Total int
}

type placer interface {
	Place(ctx context.Context, p place) (placed, error)
}

type shop struct{}

//go:noinline
func (s *shop) Place(_ context.Context, p place) (placed, error) {
	return placed{SKU: p.SKU, Total: p.Qty * p.Price}, nil
}

var noop = mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { return next(ctx, c) })

// scopedNoop is noop that promises to keep no Call.
type scopedNoop struct{}

func (scopedNoop) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error { return next(ctx, c) }
}

func (scopedNoop) ScopedCall() bool { return true }

func noops(n int) []mediator.Behavior {
	bs := make([]mediator.Behavior, n)
	for i := range bs {
		bs[i] = noop
	}
	return bs
}

func BenchmarkSend(b *testing.B) {
	ctx := b.Context()
	q := place{SKU: "x", Qty: 3, Price: 4}
	b.Run("direct", func(b *testing.B) {
		var p placer = &shop{}
		b.ReportAllocs()
		for b.Loop() {
			if r, err := p.Place(ctx, q); err != nil || r.Total != 12 {
				b.Fatal(r, err)
			}
		}
	})
	for name, bs := range map[string][]mediator.Behavior{
		"behaviors=0": nil, "behaviors=1": noops(1), "behaviors=5": noops(5),
		"scoped=1": {scopedNoop{}}, "scoped=5": slices.Repeat([]mediator.Behavior{scopedNoop{}}, 5),
	} {
		b.Run(name, func(b *testing.B) {
			m, err := mediator.New(mediator.Use(bs...), mediator.Handle((&shop{}).Place))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if r, err := mediator.Send(ctx, m, q); err != nil || r.Total != 12 {
					b.Fatal(r, err)
				}
			}
		})
	}
}

type tick struct{ A, B, C, D int }

func BenchmarkPublish(b *testing.B) {
	ctx := b.Context()
	n := tick{A: 1}
	h := func(context.Context, tick) error { return nil }
	for _, k := range []int{1, 10} {
		b.Run("loop/handlers="+strconv.Itoa(k), func(b *testing.B) {
			hs := make([]func(context.Context, tick) error, k)
			for i := range hs {
				hs[i] = h
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, h := range hs {
					if err := h(ctx, n); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run("handlers="+strconv.Itoa(k), func(b *testing.B) {
			var opts []mediator.Option
			for range k {
				opts = append(opts, mediator.Subscribe(h))
			}
			m, err := mediator.New(opts...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := mediator.Publish(ctx, m, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type count struct {
	mediator.Yields[int]
	N int
}

//go:noinline
func counting(_ context.Context, q count) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range q.N {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func BenchmarkStream(b *testing.B) {
	const items = 1_000_000
	ctx := b.Context()
	run := func(b *testing.B, seq iter.Seq2[int, error]) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			for _, err := range seq {
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
	}
	b.Run("raw", func(b *testing.B) { run(b, counting(ctx, count{N: items})) })
	for _, n := range []int{0, 5} {
		b.Run("behaviors="+strconv.Itoa(n), func(b *testing.B) {
			m, err := mediator.New(mediator.Use(noops(n)...), mediator.HandleStream(counting))
			if err != nil {
				b.Fatal(err)
			}
			run(b, mediator.Stream(ctx, m, count{N: items}))
		})
	}
}

func BenchmarkStreamChan(b *testing.B) {
	const items, capacity = 1_000_000, 128
	ctx := b.Context()
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			c := make(chan int, capacity)
			go func() {
				defer close(c)
				for i := range items {
					c <- i
				}
			}()
			n := 0
			for range c {
				n++
			}
			if n != items {
				b.Fatal(n)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
	})
	b.Run("mediator", func(b *testing.B) {
		m, err := mediator.New(mediator.HandleStream(counting))
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			s := mediator.StreamChan(ctx, m, count{N: items}, mediator.Capacity(capacity))
			n := 0
			for range s.C {
				n++
			}
			if n != items || s.Err() != nil {
				b.Fatal(n, s.Err())
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
	})
}
