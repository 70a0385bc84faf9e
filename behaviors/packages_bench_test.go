package behaviors_test

import (
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

// BenchmarkSixLayers is recover, metrics, limit, bulkhead, retry and breaker.
func BenchmarkSixLayers(b *testing.B) {
	b.Run("noops", func(b *testing.B) {
		benchSend(b, noop{}, noop{}, noop{}, noop{}, noop{}, noop{})
	})
	b.Run("layers", func(b *testing.B) { benchSend(b, sixLayers(behaviors.NewRecorder())...) })
	own := func() []mediator.Behavior {
		bs := sixLayers(behaviors.NewRecorder())
		bs[2] = behaviors.RateLimit(behaviors.NewLimiter(1e9, 1e9))
		return bs
	}
	b.Run("layers-own-limiter", func(b *testing.B) { benchSend(b, own()...) })
}

func BenchmarkStandard(b *testing.B) {
	c := behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), Recorder: behaviors.NewRecorder()}
	b.Run("some", func(b *testing.B) { benchSend(b, behaviors.Standard(c)...) })
	c.Limiter, c.Bulkhead = behaviors.NewLimiter(1e9, 1e9), &behaviors.BulkheadConfig{}
	c.Retry, c.Breaker = &behaviors.RetryConfig{}, &behaviors.BreakerConfig{}
	b.Run("limits", func(b *testing.B) { benchSend(b, behaviors.Standard(c)...) })
}
