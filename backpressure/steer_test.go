package backpressure_test

import (
	"context"
	"iter"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// steered is what a watcher finds as the Owner of a queue.
type steered interface {
	SetPace(itemsPerSecond float64)
	Pace() float64
	SetSample(oneIn int)
	Sample() int
	Pressure() bool
}

var _ steered = (*backpressure.Run)(nil)

// watched hands on the run of the stream it stands inside of.
func watched(to func(steered)) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		to(c.Queues()[0].Owner().(steered))
		return next(ctx, c)
	})
}

func steer(t *testing.T, c backpressure.Config, h handler, to func(steered)) (*mediator.Mediator, *backpressure.Control) {
	k := backpressure.Of(backpressure.New(c))
	return newMediator(t, mediator.HandleStream(h, mediator.Use(k, watched(to)))), k
}

func eachSteered(t *testing.T, test func(t *testing.T, c backpressure.Config)) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, backpressure.Config{Strategy: s, Capacity: 1024}) })
		})
	}
}

// TestSetPace holds any strategy's producer to a rate, slow or fast.
func TestSetPace(t *testing.T) {
	for _, pace := range []float64{0.5, 20, 1000, 12345, 500_000} {
		eachSteered(t, func(t *testing.T, c backpressure.Config) {
			m, k := steer(t, c, countUp, func(r steered) {
				r.SetPace(pace)
				require.InDelta(t, pace, r.Pace(), 0)
			})
			n := int(max(10, min(pace, 2000)))
			begun := time.Now()
			for i, err := range mediator.Stream(t.Context(), m, count{N: n}) {
				require.NoError(t, err)
				if i == n/2 {
					require.InDelta(t, pace, k.Snapshot().Runs[0].Pace, 0)
				}
			}
			want := time.Duration(float64(n-1) / pace * float64(time.Second))
			require.InDelta(t, want, time.Since(begun), float64(5*time.Millisecond))
			s := k.Snapshot()
			requireExact(t, s)
			require.EqualValues(t, n, s.Produced)
		})
	}
}

// TestPaceIsNotSavedUp has a producer that pauses: it does not catch up on the time.
func TestPaceIsNotSavedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := steer(t, backpressure.Config{}, func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; i < q.N && yield(i, nil); i++ {
					if i == 0 {
						time.Sleep(time.Hour)
					}
				}
			}
		}, func(r steered) { r.SetPace(10) })
		begun := time.Now()
		for range mediator.Stream(t.Context(), m, count{N: 102}) {
		}
		require.InDelta(t, time.Hour+10*time.Second, time.Since(begun), float64(100*time.Millisecond))
	})
}

// TestPaceChanges lifts a pace while the producer waits for it.
func TestPaceChanges(t *testing.T) {
	eachSteered(t, func(t *testing.T, c backpressure.Config) {
		var r steered
		m, _ := steer(t, c, countUp, func(owner steered) { r = owner; r.SetPace(0.001) })
		begun := time.Now()
		time.AfterFunc(time.Minute, func() { r.SetPace(0) })
		for range mediator.Stream(t.Context(), m, count{N: 10}) {
		}
		require.InDelta(t, time.Minute, time.Since(begun), float64(150*time.Millisecond))
		require.Zero(t, r.Pace())
	})
}

// TestPacedProducerIsStopped leaves a producer that waits for its pace.
func TestPacedProducerIsStopped(t *testing.T) {
	eachSteered(t, func(t *testing.T, c backpressure.Config) {
		m, k := steer(t, c, countUp, func(r steered) { r.SetPace(0.001) })
		begun := time.Now()
		for range mediator.Stream(t.Context(), m, count{N: 10}) {
			time.Sleep(time.Second)
			break
		}
		require.Equal(t, time.Second, time.Since(begun))
		s := k.Snapshot()
		requireExact(t, s)
		require.Equal(t, backpressure.Counts{Produced: 2, Delivered: 1, Abandoned: 1}, s.Counts, "the item that waited is not delivered")
	})
}

// TestSetSample samples for any strategy, without pressure too.
func TestSetSample(t *testing.T) {
	eachSteered(t, func(t *testing.T, c backpressure.Config) {
		m, k := steer(t, c, func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; i < q.N && yield(i, nil); i++ {
					time.Sleep(time.Millisecond)
				}
			}
		}, func(r steered) {
			r.SetSample(3)
			require.Equal(t, 3, r.Sample())
			require.False(t, r.Pressure())
		})
		var got []int
		for i, err := range mediator.Stream(t.Context(), m, count{N: 10}) {
			require.NoError(t, err)
			require.Equal(t, 3, k.Snapshot().Runs[0].SampleEvery)
			got = append(got, i)
		}
		require.Equal(t, []int{0, 3, 6, 9}, got)
		require.Equal(t, backpressure.Counts{Produced: 10, Delivered: 4, SampledOut: 6}, k.Snapshot().Counts)
	})
}

// TestSampleOnTop has both a watcher and the strategy sample: each keeps its share of
// what the other leaves.
func TestSampleOnTop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := steer(t, backpressure.Config{Strategy: backpressure.Sample, Capacity: 100, High: 0.01, SampleEvery: 2}, burst,
			func(r steered) { r.SetSample(3) })
		got, err := slowly(t, m, 19)
		require.NoError(t, err)
		require.Equal(t, []int{0, 3, 6, 12, 18}, got, "one in three, and from 6 on every second of them")
		require.Equal(t, backpressure.Counts{Produced: 19, Delivered: 5, SampledOut: 14}, k.Snapshot().Counts)
	})
}

// TestSampleChanges lowers n while many items are still to be left out.
func TestSampleChanges(t *testing.T) {
	var r steered
	m, _ := steer(t, backpressure.Config{}, func(_ context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := 0; i < q.N && yield(i, nil); i++ {
				switch i {
				case 10:
					r.SetSample(2)
				case 19:
					r.SetSample(0)
				case 23:
					r.SetSample(4)
				}
			}
		}
	}, func(owner steered) { r = owner; r.SetSample(1000) })
	var got []int
	for i, err := range mediator.Stream(t.Context(), m, count{N: 30}) {
		require.NoError(t, err)
		got = append(got, i)
	}
	require.Equal(t, []int{0, 13, 15, 17, 19, 20, 21, 22, 23, 24, 28}, got)
}

// TestPressureAfterTheWait has the pressure end while an item waits for its pace: it is
// not dropped.
func TestPressureAfterTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := steer(t, backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 2}, countUp, func(r steered) { r.SetPace(0.01) })
		var got []int
		for i, err := range mediator.Stream(t.Context(), m, count{N: 4}) {
			require.NoError(t, err)
			got = append(got, i)
			if i == 0 {
				time.Sleep(250 * time.Second) // 1 and 2 are queued, 3 waits for its pace
				require.Equal(t, 2, k.Snapshot().Queued)
			}
		}
		require.Equal(t, []int{0, 1, 2, 3}, got)
	})
}

func TestSteeringNonsense(t *testing.T) {
	m, _ := steer(t, backpressure.Config{}, countUp, func(r steered) {
		for _, pace := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
			r.SetPace(pace)
			require.Zero(t, r.Pace())
		}
		for _, n := range []int{-3, 0, 1} {
			r.SetSample(n)
			require.Zero(t, r.Sample())
		}
	})
	n := 0
	for _, err := range mediator.Stream(t.Context(), m, count{N: 100}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 100, n)
}

// TestSetCapacity changes the capacity of a queue under way: the watermarks follow.
func TestSetCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := backpressure.Of(backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 8}))
		var q *mediator.Queue
		m := newMediator(t, mediator.HandleStream(func(_ context.Context, c count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; i < c.N && yield(i, nil); i++ {
					time.Sleep(time.Second)
				}
			}
		}, mediator.Use(k, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			q = c.Queues()[0]
			return next(ctx, c)
		}))))
		var got []int
		for i, err := range mediator.Stream(t.Context(), m, count{N: 30}) {
			require.NoError(t, err)
			got = append(got, i)
			if i > 0 {
				continue
			}
			time.Sleep(10500 * time.Millisecond)
			require.Equal(t, backpressure.Counts{Produced: 11, Delivered: 1, Dropped: 2, Queued: 8}, k.Snapshot().Counts)
			q.SetCapacity(3)
			require.True(t, k.Snapshot().Runs[0].Pressure)
			require.Equal(t, 8, k.Snapshot().Queued, "nothing is dropped for a smaller capacity")
			time.Sleep(10 * time.Second)
			require.Equal(t, backpressure.Counts{Produced: 21, Delivered: 1, Dropped: 17, Queued: 3}, k.Snapshot().Counts)
			require.Equal(t, 3, k.Snapshot().Runs[0].Capacity)
		}
		require.Equal(t, []int{0, 18, 19, 20}, got[:4])
	})
}
