package behaviors_test

import (
	"testing"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"golang.org/x/time/rate"
)

// plenty and plentyBurst are a rate and a burst that no benchmark uses up.
const (
	plenty      = 1e9
	plentyBurst = 1 << 30
)

func BenchmarkLimiterAllow(b *testing.B) {
	for _, c := range []struct {
		name string
		l    behaviors.Limiter
	}{
		{"x-time-rate", rate.NewLimiter(plenty, plentyBurst)},
		{"gcra", behaviors.NewLimiter(plenty, plentyBurst)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !c.l.Allow() {
					b.Fatal("not allowed")
				}
			}
		})
		b.Run(c.name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if !c.l.Allow() {
						b.Error("not allowed")
					}
				}
			})
		})
	}
}

func BenchmarkRateLimit(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("gcra", func(b *testing.B) { benchSend(b, behaviors.RateLimit(behaviors.NewLimiter(plenty, plentyBurst))) })
	b.Run("gcra wait", func(b *testing.B) {
		benchSend(b, behaviors.RateLimitWait(behaviors.NewLimiter(plenty, plentyBurst), time.Second))
	})
	b.Run("x-time-rate", func(b *testing.B) { benchSend(b, behaviors.RateLimit(rate.NewLimiter(plenty, plentyBurst))) })
}
