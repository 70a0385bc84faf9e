package backpressure_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// TestFault6DroppedItemsLeaveTheDepth: where dropped items stayed in the depth count,
// pressure never cleared.
func TestFault6DroppedItemsLeaveTheDepth(t *testing.T) {
	for _, strategy := range []backpressure.Strategy{backpressure.DropNewest, backpressure.DropOldest, backpressure.Latest} {
		t.Run(strategy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var changes []bool
				m, k := bounded(t, backpressure.Config{Strategy: strategy, Capacity: 4, High: 1, Low: 0.25, OnPressure: func(e backpressure.Event) {
					changes = append(changes, e.Pressure)
				}}, func(ctx context.Context, _ count) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						for i := range burst(ctx, count{N: 50}) {
							if !yield(i, nil) {
								return
							}
						}
						time.Sleep(time.Minute) // the consumer takes up what is queued
						for i := range burst(ctx, count{N: 3}) {
							if !yield(100+i, nil) {
								return
							}
							time.Sleep(5 * time.Second)
						}
					}
				})
				var got []int
				for i, err := range mediator.Stream(t.Context(), m, count{}) {
					require.NoError(t, err)
					got = append(got, i)
					s := k.Snapshot()
					requireExact(t, s)
					require.LessOrEqual(t, s.Queued, 4)
					time.Sleep(time.Second)
				}
				require.Equal(t, []int{100, 101, 102}, got[len(got)-3:], "after the pressure nothing is dropped")
				require.Equal(t, []bool{true, false}, changes)
				require.EqualValues(t, 53, k.Snapshot().Produced)
			})
		})
	}
}

// TestFault6DropOldestKeepsTheNewest: both branches for "prefer newer" dropped the newest.
func TestFault6DropOldestKeepsTheNewest(t *testing.T) {
	for strategy, want := range map[backpressure.Strategy][]int{backpressure.DropOldest: {0, 47, 48, 49}, backpressure.Latest: {0, 49}} {
		t.Run(strategy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := bounded(t, backpressure.Config{Strategy: strategy, Capacity: 3}, burst)
				got, err := slowly(t, m, 50)
				require.NoError(t, err)
				require.Equal(t, want, got)
			})
		})
	}
}

// TestFault6SampledOutIsNotDropped: the two were one count.
func TestFault6SampledOutIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := bounded(t, backpressure.Config{Strategy: backpressure.Sample, Capacity: 100, High: 0.05, SampleEvery: 10}, burst)
		_, err := slowly(t, m, 106)
		require.NoError(t, err)
		require.Equal(t, backpressure.Counts{Produced: 106, Delivered: 16, SampledOut: 90}, k.Snapshot().Counts)
	})
}

// TestFault6GivenUpWaitIsNotDelivered: an item whose write had timed out could still arrive.
func TestFault6GivenUpWaitIsNotDelivered(t *testing.T) {
	for _, strategy := range []backpressure.Strategy{backpressure.Buffer, backpressure.Block, backpressure.Sample, backpressure.Throttle} {
		t.Run(strategy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var gaveUp atomic.Bool
				m, k := bounded(t, backpressure.Config{Strategy: strategy, Capacity: 4, SampleEvery: 1}, func(_ context.Context, q count) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						for i := range q.N {
							if !yield(i, nil) {
								gaveUp.Store(true)
								return
							}
						}
					}
				})
				var got []int
				for i, err := range mediator.Stream(ctx, m, count{N: 100}) {
					if err != nil {
						require.ErrorIs(t, err, context.DeadlineExceeded)
						continue
					}
					got = append(got, i)
					time.Sleep(time.Hour)
					require.True(t, gaveUp.Load())
				}
				require.Equal(t, []int{0}, got)
				s := k.Snapshot()
				requireExact(t, s)
				require.Equal(t, s.Produced-1, s.Abandoned)
				require.Zero(t, s.Dropped)
			})
		})
	}
}

// TestFault2SlowConsumerIsFelt: every behavior but one added a queue without bounds, and the
// producer never felt its consumer. Here it is ahead by what the queues hold.
func TestFault2SlowConsumerIsFelt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var produced atomic.Int64
		h := func(context.Context, count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for yield(0, nil) {
					produced.Add(1)
				}
			}
		}
		m := newMediator(t, mediator.HandleStream(h, mediator.Use(
			backpressure.New(backpressure.Config{Capacity: 10}), backpressure.New(backpressure.Config{Capacity: 100}),
		)))
		i := 0
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
			time.Sleep(time.Hour)
			// What is queued twice, one on its way between the queues, and one being yielded.
			require.LessOrEqual(t, produced.Load(), int64(i+10+100+2))
			if i++; i == 1000 {
				break
			}
		}
	})
}

// TestFault3NoPumpIsLeft: a consumer that stopped early left pumps running for ever. goleak
// looks for them when the tests are over; this one looks at once.
func TestFault3NoPumpIsLeft(t *testing.T) {
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		running := 0
		m, k := bounded(t, c, func(context.Context, count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				running++
				defer func() { running-- }()
				for i := 0; yield(i, nil); i++ {
					time.Sleep(time.Millisecond)
				}
			}
		})
		for range 10 {
			for i, err := range mediator.Stream(t.Context(), m, count{}) {
				require.NoError(t, err)
				if i == 3 {
					break
				}
			}
			require.Zero(t, running)
		}
		require.Empty(t, k.Snapshot().Runs)
		requireExact(t, k.Snapshot())
	})
}
