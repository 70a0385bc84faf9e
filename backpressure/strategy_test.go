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

// burst yields 0, gives the consumer time to take it, and yields the rest at once.
func burst(_ context.Context, q count) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		if !yield(0, nil) {
			return
		}
		time.Sleep(time.Millisecond)
		for i := 1; i < q.N; i++ {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// slowly takes a second for each item.
func slowly(t testing.TB, m *mediator.Mediator, n int) (got []int, err error) {
	for i, err := range mediator.Stream(t.Context(), m, count{N: n}) {
		if err != nil {
			return got, err
		}
		got = append(got, i)
		time.Sleep(time.Second)
	}
	return got, nil
}

func TestWhatIsKept(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	for name, c := range map[string]struct {
		config     backpressure.Config
		want       []int
		dropped    uint64
		sampledOut uint64
		overflows  bool
	}{
		"zero":                   {config: backpressure.Config{}, want: all},
		"Buffer":                 {config: backpressure.Config{Capacity: 4}, want: all},
		"Buffer of 1":            {config: backpressure.Config{Capacity: 1}, want: all},
		"Block":                  {config: backpressure.Config{Strategy: backpressure.Block, Capacity: 4}, want: all},
		"Throttle":               {config: backpressure.Config{Strategy: backpressure.Throttle, Capacity: 4}, want: all},
		"DropNewest":             {config: backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 4}, want: []int{0, 1, 2, 3, 4}, dropped: 7},
		"DropNewest, watermarks": {config: backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 4, High: 0.5}, want: []int{0, 1, 2}, dropped: 9},
		"DropOldest":             {config: backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 4}, want: []int{0, 8, 9, 10, 11}, dropped: 7},
		"DropOldest, watermarks": {config: backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 4, High: 0.5}, want: []int{0, 10, 11}, dropped: 9},
		"Latest":                 {config: backpressure.Config{Strategy: backpressure.Latest, Capacity: 4}, want: []int{0, 11}, dropped: 10},
		"Fail":                   {config: backpressure.Config{Strategy: backpressure.Fail, Capacity: 4}, want: []int{0, 1, 2, 3, 4}, dropped: 1, overflows: true},
		"Fail, watermarks":       {config: backpressure.Config{Strategy: backpressure.Fail, Capacity: 4, High: 0.5}, want: []int{0, 1, 2}, dropped: 1, overflows: true},
		// 1 and 2 are queued without pressure; then every third of 3 to 11.
		"Sample":      {config: backpressure.Config{Strategy: backpressure.Sample, Capacity: 8, High: 0.25, SampleEvery: 3}, want: []int{0, 1, 2, 3, 6, 9}, sampledOut: 6},
		"Sample of 2": {config: backpressure.Config{Strategy: backpressure.Sample, Capacity: 20, High: 0.1}, want: []int{0, 1, 2, 3, 5, 7, 9, 11}, sampledOut: 4},
		"Sample of 1": {config: backpressure.Config{Strategy: backpressure.Sample, Capacity: 20, High: 0.1, SampleEvery: 1}, want: all},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, k := bounded(t, c.config, burst)
				got, err := slowly(t, m, len(all))
				require.Equal(t, c.want, got)
				if c.overflows {
					require.ErrorIs(t, err, backpressure.ErrOverflow)
				} else {
					require.NoError(t, err)
				}
				s := k.Snapshot()
				requireExact(t, s)
				require.EqualValues(t, len(c.want), s.Delivered)
				require.Equal(t, c.dropped, s.Dropped)
				require.Equal(t, c.sampledOut, s.SampledOut)
				require.Zero(t, s.Abandoned)
				require.Zero(t, s.Queued)
				require.Empty(t, s.Runs)
				require.EqualValues(t, 1, s.Started)
			})
		})
	}
}

func TestOverflowSaysHowMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := bounded(t, backpressure.Config{Strategy: backpressure.Fail, Capacity: 4, High: 0.75}, burst)
		_, err := slowly(t, m, 9)
		var overflow *backpressure.OverflowError
		require.ErrorAs(t, err, &overflow)
		require.Equal(t, backpressure.OverflowError{Depth: 3, Capacity: 4}, *overflow)
		require.EqualError(t, err, "the consumer is too slow: 3 items are queued, of at most 4")
	})
}

// TestWhoWaits looks at when each item is produced.
func TestWhoWaits(t *testing.T) {
	type times = []time.Duration
	for name, c := range map[string]struct {
		config backpressure.Config
		want   times // in seconds, for items from 1 on; the consumer is done with item i after i+1
	}{
		// Four fit, and each that is taken makes room for one.
		"Buffer": {backpressure.Config{Capacity: 4}, times{0, 0, 0, 0, 0, 1, 2, 3, 4, 5}},
		// From a depth of 4 on it waits until that is 2.
		"Block":      {backpressure.Config{Strategy: backpressure.Block, Capacity: 5}, times{0, 0, 0, 0, 0, 2, 2, 4, 4, 6}},
		"Sample":     {backpressure.Config{Strategy: backpressure.Sample, Capacity: 4, SampleEvery: 1}, times{0, 0, 0, 0, 0, 1, 2, 3, 4, 5}},
		"DropNewest": {backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 4}, times{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"DropOldest": {backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 4}, times{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"Latest":     {backpressure.Config{Strategy: backpressure.Latest}, times{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var at times
				m, _ := bounded(t, c.config, func(_ context.Context, q count) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						for i := range q.N {
							if i > 0 {
								at = append(at, time.Since(start).Truncate(time.Second)/time.Second)
							}
							if !yield(i, nil) {
								return
							}
							if i == 0 {
								time.Sleep(time.Millisecond)
							}
						}
					}
				})
				_, err := slowly(t, m, 11)
				require.NoError(t, err)
				require.Equal(t, c.want, at)
			})
		})
	}
}

// TestHysteresis has a producer that yields 10 items a second, and a consumer that
// takes an item each 60ms once it has begun.
func TestHysteresis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []int
		var depths []int
		c := backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 10, High: 0.8, Low: 0.2,
			OnPressure: func(e backpressure.Event) {
				changes = append(changes, int(e.Counts.Produced))
				depths = append(depths, e.Counts.Queued)
			}}
		m, k := bounded(t, c, func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := range q.N {
					if !yield(i, nil) {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
		var got []int
		for i, err := range mediator.Stream(t.Context(), m, count{N: 40}) {
			require.NoError(t, err)
			got = append(got, i)
			if i == 0 {
				time.Sleep(1975 * time.Millisecond) // until 20 are produced
			} else {
				time.Sleep(60 * time.Millisecond)
			}
		}
		// 0 is in the consumer's hands and 1 to 8 are queued: 9 is the first to be dropped.
		// From 1.975s on the consumer takes one each 60ms: at 2.275s the depth has come to 2.
		require.Equal(t, []int{9, 23}, changes)
		require.Equal(t, []int{8, 2}, depths)
		want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
		for i := 23; i < 40; i++ {
			want = append(want, i)
		}
		require.Equal(t, want, got)
		require.EqualValues(t, 14, k.Snapshot().Dropped)
		require.EqualValues(t, 1, k.Snapshot().Pressures)
	})
}

// TestThrottleSettles has consumers of very different rates, a producer that could be
// far faster, and looks whether the two come to the same rate without a full queue.
func TestThrottleSettles(t *testing.T) {
	for name, every := range map[string]time.Duration{
		"100000/s": 10 * time.Microsecond, "1000/s": time.Millisecond, "10/s": 100 * time.Millisecond, "1/s": time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, k := bounded(t, backpressure.Config{Strategy: backpressure.Throttle, Capacity: 1000, High: 0.9, Low: 0.3}, countUp)
				const n = 3000
				want, begun := 0, time.Now()
				for i, err := range mediator.Stream(t.Context(), m, count{N: n}) {
					require.NoError(t, err)
					require.Equal(t, want, i, "order, and nothing lost")
					want++
					time.Sleep(every)
					if i == n/2 {
						s := k.Snapshot()
						requireExact(t, s)
						require.Greater(t, s.Queued, 300, "above the low watermark")
						require.Less(t, s.Queued, 900, "below the high watermark")
					}
				}
				require.Equal(t, n, want)
				require.InEpsilon(t, n*every, time.Since(begun), 0.01, "the consumer never had to wait")
			})
		})
	}
}

// TestThrottleDelayIsBounded has a consumer that never takes a second item.
func TestThrottleDelayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var longest time.Duration
		produced := 0
		m, k := bounded(t, backpressure.Config{Strategy: backpressure.Throttle, Capacity: 20, High: 0.5, Low: 0.1, MaxDelay: 3 * time.Second},
			func(context.Context, count) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for {
						begun := time.Now()
						if !yield(produced, nil) {
							return
						}
						produced++
						longest = max(longest, time.Since(begun))
					}
				}
			})
		for _, err := range mediator.Stream(ctx, m, count{}) {
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				break
			}
			time.Sleep(time.Hour)
			cancel()
		}
		require.Equal(t, 21, produced, "the queue's and the consumer's; the next had no room")
		require.InDelta(t, 3*time.Second, longest, float64(time.Millisecond))
		s := k.Snapshot()
		requireExact(t, s)
		require.EqualValues(t, 21, s.Abandoned, "the queue's, and that which waited")
	})
}

// TestThrottleOfTheLongestDelay has the delay of those who want no bound.
func TestThrottleOfTheLongestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := bounded(t, backpressure.Config{Strategy: backpressure.Throttle, Capacity: 2, High: 0.5, Low: 0.1, MaxDelay: math.MaxInt64}, countUp)
		for range mediator.Stream(t.Context(), m, count{N: 100}) {
			time.Sleep(time.Hour)
			require.Equal(t, 1, k.Snapshot().Queued, "the next one waits for a year")
			break
		}
	})
}

// TestThrottleWaitShrinks has a consumer that stalls and then takes up all at once:
// the producer, which had come to wait for seconds, goes on soon.
func TestThrottleWaitShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := bounded(t, backpressure.Config{Strategy: backpressure.Throttle, Capacity: 100, High: 0.9, Low: 0.1}, countUp)
		var resumed time.Time
		for i, err := range mediator.Stream(t.Context(), m, count{N: 500}) {
			require.NoError(t, err)
			if i == 0 {
				time.Sleep(time.Minute)
				resumed = time.Now()
			}
		}
		require.Less(t, time.Since(resumed), 500*time.Millisecond)
	})
}
