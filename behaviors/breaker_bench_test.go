package behaviors_test

import (
	"context"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

// benchSendParallel is benchSend on all processors.
func benchSendParallel(b *testing.B, bs ...mediator.Behavior) {
	m := newMediator(b, mediator.Use(bs...), mediator.Handle(func(_ context.Context, q ask) (int, error) { return q.N, nil }))
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if n, err := mediator.Send(ctx, m, ask{N: 7}); n != 7 || err != nil {
				b.Error(n, err)
			}
		}
	})
}

func BenchmarkBreaker(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	for _, c := range []struct {
		name   string
		config behaviors.BreakerConfig
	}{
		{"ratio", behaviors.BreakerConfig{}},
		{"consecutive", behaviors.BreakerConfig{ConsecutiveFailures: 5}},
		{"slow", behaviors.BreakerConfig{SlowCall: time.Minute}},
		{"key", behaviors.BreakerConfig{Key: mediator.Call.Name}},
	} {
		b.Run(c.name, func(b *testing.B) { benchSend(b, behaviors.CircuitBreaker(c.config)) })
	}
	b.Run("noop/parallel", func(b *testing.B) { benchSendParallel(b, noop{}) })
	b.Run("ratio/parallel", func(b *testing.B) { benchSendParallel(b, behaviors.CircuitBreaker(behaviors.BreakerConfig{})) })
	b.Run("open", func(b *testing.B) {
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
		breaker.Isolate()
		exec := actor(b, breaker)
		b.ReportAllocs()
		for b.Loop() {
			if exec(b.Context(), succeed) == nil {
				b.Fatal("not rejected")
			}
		}
	})
}
