package benchmarks_test

import (
	"context"
	"testing"
	"time"
)

// openChanOf is openChan with a capacity.
func openChanOf(capacity int) func(testing.TB, int, *probe) func(context.Context) (sum, error) {
	return func(_ testing.TB, n int, p *probe) func(context.Context) (sum, error) {
		return func(context.Context) (sum, error) {
			var s sum
			out := make(chan tick, capacity)
			go func() {
				defer close(out)
				p.handle()
				for t := range ticks(n) {
					out <- t
				}
			}()
			for t := range out {
				s.add(t)
			}
			return s, nil
		}
	}
}

// openChanHandOver has a producer that waits for its consumer after each item of a channel.
func openChanHandOver(_ testing.TB, n int, p *probe) func(context.Context) (sum, error) {
	return func(context.Context) (sum, error) {
		var s sum
		out, arrived := make(chan tick, bufferCapacity), make(chan struct{})
		go func() {
			defer close(out)
			p.handle()
			for t := range ticks(n) {
				out <- t
				<-arrived
			}
		}()
		for t := range out {
			s.add(t)
			arrived <- struct{}{}
		}
		return s, nil
	}
}

// openChanSlow has a slow consumer of a channel, and takes the time of the producer.
func openChanSlow(capacity int, produce func(out chan tick, n int)) func(testing.TB) func(context.Context, int) (slowRun, error) {
	return func(testing.TB) func(context.Context, int) (slowRun, error) {
		return func(_ context.Context, n int) (slowRun, error) {
			var run slowRun
			var consumer slowConsumer
			out := make(chan tick, capacity)
			go func() {
				begun := time.Now()
				produce(out, n)
				run.took = time.Since(begun)
				consumer.ended.Store(true)
				close(out)
			}()
			for t := range out {
				if !consumer.take(t) {
					break
				}
			}
			run.got = consumer.got
			return run, nil
		}
	}
}

// openChanDropOldest drops the oldest item for one that finds no room.
func openChanDropOldest(capacity int) func(testing.TB) func(context.Context, int) (slowRun, error) {
	return openChanSlow(capacity, func(out chan tick, n int) {
		for t := range ticks(n) {
			for sent := false; !sent; {
				select {
				case out <- t:
					sent = true
				default:
					select {
					case <-out:
					default:
					}
				}
			}
		}
	})
}

// openChanSample sends every second item while the channel holds so many.
var openChanSample = openChanSlow(slowItems, func(out chan tick, n int) {
	count := 0
	for t := range ticks(n) {
		if len(out) >= pressureDepth {
			if count++; count%2 == 0 {
				continue
			}
		}
		select {
		case out <- t:
		default:
		}
	}
})
