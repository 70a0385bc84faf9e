package behaviors_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func BenchmarkRecorder(b *testing.B) {
	b.Run("none", func(b *testing.B) { benchSend(b) })
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("noop-scoped", func(b *testing.B) { benchSend(b, scopedNoop{}) })
	b.Run("recorder", func(b *testing.B) { benchSend(b, behaviors.NewRecorder()) })
	b.Run("noop-and-recorder", func(b *testing.B) { benchSend(b, noop{}, behaviors.NewRecorder()) })
	b.Run("log-off", func(b *testing.B) { benchSend(b, behaviors.Log(slog.New(slog.DiscardHandler))) })
	b.Run("snapshot", func(b *testing.B) {
		r := behaviors.NewRecorder()
		m := newMediator(b, mediator.Use(r), mediator.Handle(func(_ context.Context, q ask) (int, error) { return q.N, nil }))
		_, _ = mediator.Send(b.Context(), m, ask{})
		b.ReportAllocs()
		for b.Loop() {
			if r.Snapshot().Entries[0].Started != 1 {
				b.Fatal("a call was lost")
			}
		}
	})
}

func BenchmarkRecorderParallel(b *testing.B) {
	run := func(b *testing.B, bs ...mediator.Behavior) {
		m := newMediator(b, mediator.Use(bs...), mediator.Handle(func(_ context.Context, q ask) (int, error) { return q.N, nil }))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := mediator.Send(b.Context(), m, ask{N: 7}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.Run("noop", func(b *testing.B) { run(b, noop{}) })
	b.Run("recorder", func(b *testing.B) { run(b, behaviors.NewRecorder()) })
}

func BenchmarkRecorderStream(b *testing.B) {
	const items = 1_000_000
	run := func(b *testing.B, bs ...mediator.Behavior) {
		m := newMediator(b, mediator.Use(bs...), mediator.HandleStream(numbers))
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
	}
	b.Run("noop", func(b *testing.B) { run(b, noop{}) })
	b.Run("recorder", func(b *testing.B) { run(b, behaviors.NewRecorder()) })
	b.Run("log", func(b *testing.B) { run(b, behaviors.Log(slog.New(writeNothing{slog.DiscardHandler}))) })
}

// writeNothing is a slog.Handler that is enabled.
type writeNothing struct{ slog.Handler }

func (writeNothing) Enabled(context.Context, slog.Level) bool { return true }

// upTo is a stream request for the numbers from 0 to N-1.
type upTo struct {
	mediator.Yields[int]
	N int
}

func numbers(_ context.Context, q upTo) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range q.N {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// scopedNoop is a noop that promises to keep no Call.
type scopedNoop struct{ noop }

func (scopedNoop) ScopedCall() bool { return true }
