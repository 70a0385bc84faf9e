package benchmarks_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
)

// openOursBuffer ranges over a stream with a boundary.
func openOursBuffer(tb testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	m := newMediator(tb, mediator.HandleStream(func(_ context.Context, q watch) iter.Seq2[tick, error] {
		p.handle()
		return ticks(q.n)
	}, mediator.Use(backpressure.New(backpressure.Config{Strategy: backpressure.Buffer, Capacity: bufferCapacity}))))
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

// openOursHandOver has a producer that waits for its consumer after each item of a stream with a boundary.
func openOursHandOver(tb testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	arrived := make(chan struct{})
	m := newMediator(tb, mediator.HandleStream(func(_ context.Context, q watch) iter.Seq2[tick, error] {
		p.handle()
		return func(yield func(tick, error) bool) {
			for t := range ticks(q.n) {
				if !yield(t, nil) {
					return
				}
				<-arrived
			}
		}
	}, mediator.Use(backpressure.New(backpressure.Config{Strategy: backpressure.Buffer, Capacity: bufferCapacity}))))
	return func(ctx context.Context) (sum, error) {
		var s sum
		for t, err := range mediator.Stream(ctx, m, watch{n: n}) {
			if err != nil {
				return s, err
			}
			s.add(t)
			arrived <- struct{}{}
		}
		return s, nil
	}
}

// openOursSlow has a consumer that is slow, and takes the time of the producer.
func openOursSlow(c backpressure.Config) func(testing.TB) func(context.Context, int) (slowRun, error) {
	return func(tb testing.TB) func(context.Context, int) (slowRun, error) {
		var run *slowRun
		var consumer *slowConsumer
		m := newMediator(tb, mediator.HandleStream(func(_ context.Context, q watch) iter.Seq2[tick, error] {
			return func(yield func(tick, error) bool) {
				begun := time.Now()
				ticks(q.n)(yield)
				run.took = time.Since(begun)
				consumer.ended.Store(true)
			}
		}, mediator.Use(backpressure.New(c))))
		return func(ctx context.Context, n int) (slowRun, error) {
			run, consumer = new(slowRun), new(slowConsumer)
			for t, err := range mediator.Stream(ctx, m, watch{n: n}) {
				if err != nil {
					return slowRun{}, err
				}
				if !consumer.take(t) {
					break
				}
			}
			run.got = consumer.got
			return *run, nil
		}
	}
}

var (
	openOursDropOldest = openOursSlow(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: bufferCapacity})
	openOursLatest     = openOursSlow(backpressure.Config{Strategy: backpressure.Latest})
	// There is room for every second item, so that nobody waits.
	openOursSample = openOursSlow(backpressure.Config{Strategy: backpressure.Sample, Capacity: slowItems,
		High: float64(pressureDepth) / slowItems, SampleEvery: 2})
)
