package behaviors_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"golang.org/x/sync/semaphore"
)

// semaphored is the bulkhead of x/sync.
func semaphored(limit int64) mediator.Behavior {
	s := semaphore.NewWeighted(limit)
	return mediator.BehaviorFunc(func(next mediator.Next) mediator.Next {
		return func(ctx context.Context, c mediator.Call) error {
			if err := s.Acquire(ctx, 1); err != nil {
				return err
			}
			defer s.Release(1)
			return next(ctx, c)
		}
	})
}

func BenchmarkBulkhead(b *testing.B) {
	for _, c := range []struct {
		name string
		b    mediator.Behavior
	}{
		{"noop", noop{}},
		{"x-sync-semaphore", semaphored(64)},
		{"bulkhead", behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 64, Queue: 64})},
	} {
		b.Run(c.name, func(b *testing.B) { benchSend(b, c.b) })
		b.Run(c.name+"/parallel", func(b *testing.B) { benchSendParallel(b, c.b) })
	}
}

// BenchmarkBulkheadContended has callers compete for one place.
func BenchmarkBulkheadContended(b *testing.B) {
	for _, c := range []struct {
		name string
		b    mediator.Behavior
	}{
		{"x-sync-semaphore", semaphored(1)},
		{"bulkhead", behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 1 << 20})},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetParallelism(16)
			benchSendParallel(b, c.b)
		})
	}
}
