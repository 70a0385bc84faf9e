package backpressure_test

import (
	"context"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// TestCountsAtEveryMoment takes snapshots while several runs are under way, begin and
// end, and holds them against what the handlers and the consumers have counted.
func TestCountsAtEveryMoment(t *testing.T) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		t.Run(s.String(), func(t *testing.T) {
			var yielded, passed, received atomic.Uint64 // passed: yielded, and more is wanted
			m, k := bounded(t, backpressure.Config{Strategy: s, Capacity: 16, High: 0.75, Low: 0.25}, func(_ context.Context, q count) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for i := range q.N {
						yielded.Add(1)
						if !yield(i, nil) {
							return
						}
						passed.Add(1)
					}
				}
			})
			const runs, items = 4, 1500
			var all sync.WaitGroup
			for run := range runs {
				all.Go(func() {
					// A few items at a time, so that the run is looked at while it is new and
					// when it has just ended, too.
					for part := range 10 {
						for i, err := range mediator.Stream(t.Context(), m, count{N: items / 10}) {
							if err == nil {
								received.Add(1)
							}
							if i%8 == run {
								runtime.Gosched()
							}
							if part%3 == 1 && i > 100 {
								break
							}
						}
					}
				})
			}
			done := make(chan struct{})
			go func() {
				all.Wait()
				close(done)
			}()
			var before backpressure.Snapshot
			for ended := false; !ended; {
				select {
				case <-done:
					ended = true
				default:
				}
				least, leastDelivered := passed.Load(), received.Load()
				now := k.Snapshot()
				most, mostDelivered := yielded.Load(), received.Load()+runs // one in the hands of each
				requireExact(t, now)
				require.LessOrEqual(t, now.Queued, 16*len(now.Runs))
				require.GreaterOrEqual(t, now.Produced, least)
				require.LessOrEqual(t, now.Produced, most)
				require.GreaterOrEqual(t, now.Delivered, leastDelivered)
				require.LessOrEqual(t, now.Delivered, mostDelivered)
				require.GreaterOrEqual(t, now.Produced, before.Produced)
				require.GreaterOrEqual(t, now.Delivered, before.Delivered)
				require.GreaterOrEqual(t, now.Dropped, before.Dropped)
				require.GreaterOrEqual(t, now.SampledOut, before.SampledOut)
				before = now
			}
			require.Empty(t, before.Runs)
			require.Zero(t, before.Queued)
			require.EqualValues(t, 10*runs, before.Started)
			require.Equal(t, received.Load(), before.Delivered)
		})
	}
}

// TestNotDeliveredOnceDropped reads the counts while a producer drops what is oldest:
// what they say is gone never arrives.
func TestNotDeliveredOnceDropped(t *testing.T) {
	for _, c := range []backpressure.Config{
		{Strategy: backpressure.DropOldest, Capacity: 8},
		{Strategy: backpressure.DropOldest, Capacity: 8, High: 0.5, Low: 0.25},
		{Strategy: backpressure.Latest},
	} {
		t.Run(c.Strategy.String(), func(t *testing.T) {
			m, k := bounded(t, c, countUp)
			gone, last := uint64(0), -1
			for i, err := range mediator.Stream(t.Context(), m, count{N: 20_000}) {
				require.NoError(t, err)
				require.GreaterOrEqual(t, uint64(i), gone, "it was counted as gone")
				require.Greater(t, i, last, "order")
				last = i
				runtime.Gosched()
				s := k.Snapshot()
				requireExact(t, s)
				gone = s.Delivered + s.Dropped
			}
			require.Equal(t, 19_999, last, "the newest is never dropped")
		})
	}
}

// TestOrder keeps the order with each strategy, and everything with those that say so.
func TestOrder(t *testing.T) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		t.Run(s.String(), func(t *testing.T) {
			const n = 5000
			m, k := bounded(t, backpressure.Config{Strategy: s, Capacity: 7}, countUp)
			last, got := -1, 0
			for i, err := range mediator.Stream(t.Context(), m, count{N: n}) {
				if s == backpressure.Fail && err != nil {
					require.ErrorIs(t, err, backpressure.ErrOverflow)
					break
				}
				require.NoError(t, err)
				require.Greater(t, i, last)
				last = i
				got++
			}
			if s == backpressure.Buffer || s == backpressure.Block || s == backpressure.Throttle {
				require.Equal(t, n, got)
			}
			final := k.Snapshot()
			requireExact(t, final)
			require.EqualValues(t, got, final.Delivered)
			if s != backpressure.Fail {
				require.EqualValues(t, n, final.Produced)
			}
		})
	}
}

// TestFirstItemIsNotHeldBack has a producer that waits after each item until its
// consumer has got it: no item waits for company.
func TestFirstItemIsNotHeldBack(t *testing.T) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		t.Run(s.String(), func(t *testing.T) {
			arrived := make(chan struct{})
			m, _ := bounded(t, backpressure.Config{Strategy: s}, func(_ context.Context, q count) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for i := range q.N {
						if !yield(i, nil) {
							return
						}
						<-arrived
					}
				}
			})
			n := 0
			for _, err := range mediator.Stream(t.Context(), m, count{N: 100}) {
				require.NoError(t, err)
				n++
				arrived <- struct{}{}
			}
			require.Equal(t, 100, n)
		})
	}
}
