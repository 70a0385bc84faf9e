package backpressure_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// TestRetryInside repeats the handler while the consumer is still at work on what the
// first attempt has produced: nothing is lost or doubled.
func TestRetryInside(t *testing.T) {
	testRetry(t, func(k *backpressure.Control, retry mediator.Behavior) mediator.HandlerOption {
		return mediator.Use(k, retry)
	}, 1)
}

// TestRetryOutside makes a queue for each attempt.
func TestRetryOutside(t *testing.T) {
	testRetry(t, func(k *backpressure.Control, retry mediator.Behavior) mediator.HandlerOption {
		return mediator.Use(retry, k)
	}, 2)
}

func testRetry(t *testing.T, use func(*backpressure.Control, mediator.Behavior) mediator.HandlerOption, runs int) {
	for _, strategy := range []backpressure.Strategy{backpressure.Buffer, backpressure.Block, backpressure.Throttle} {
		t.Run(strategy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := errors.New("broken")
				k := backpressure.Of(backpressure.New(backpressure.Config{Strategy: strategy, Capacity: 4}))
				retry := behaviors.Retry(behaviors.RetryConfig{RetryIf: behaviors.ErrorIs(broken), Stream: behaviors.SkipDelivered})
				attempts := 0
				m := newMediator(t, mediator.HandleStream(func(_ context.Context, q count) iter.Seq2[int, error] {
					attempts++
					return func(yield func(int, error) bool) {
						for i := range q.N {
							if attempts == 1 && i == 5 {
								yield(0, broken)
								return
							}
							if !yield(i, nil) {
								return
							}
						}
					}
				}, use(k, retry)))
				got, err := slowly(t, m, 10)
				require.NoError(t, err)
				require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, got)
				require.Equal(t, 2, attempts)
				s := k.Snapshot()
				requireExact(t, s)
				require.EqualValues(t, runs, s.Started)
			})
		})
	}
}

// TestTwoBoundaries has one of them drop, and the other keep.
func TestTwoBoundaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer := backpressure.Of(backpressure.New(backpressure.Config{Capacity: 2}))
		inner := backpressure.Of(backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 2}))
		m := newMediator(t, mediator.HandleStream(burst, mediator.Use(outer, inner)))
		got, err := slowly(t, m, 10)
		require.NoError(t, err)
		o, i := outer.Snapshot(), inner.Snapshot()
		requireExact(t, o)
		requireExact(t, i)
		require.Equal(t, []int{8, 9}, got[len(got)-2:], "the newest are kept")
		require.EqualValues(t, 10, i.Produced)
		require.Equal(t, i.Delivered, o.Produced)
		require.Equal(t, o.Delivered, uint64(len(got)))
		require.Equal(t, i.Dropped, 10-o.Delivered)
		require.Positive(t, i.Dropped)
		require.Zero(t, o.Dropped)
		require.IsIncreasing(t, got)
	})
}

type texts struct{ mediator.Yields[string] }

type tickets struct{ mediator.Yields[*int] }

type quotes struct{ mediator.Yields[quote] }

type quote struct {
	Symbol string
	Price  float64
	Depth  [3]int
}

// ask is a request, told a notification: a boundary lets them pass.
type ask struct{ mediator.Returns[int] }

type told struct{}

// TestGlobal puts one boundary around handlers of all kinds, with several item types.
func TestGlobal(t *testing.T) {
	k := backpressure.Of(backpressure.New(backpressure.Config{Capacity: 3}))
	n := 9
	m := newMediator(t, mediator.Use(k),
		mediator.HandleStream(countUp),
		mediator.HandleStream(func(context.Context, texts) iter.Seq2[string, error] { return mapped(strconv.Itoa) }),
		mediator.HandleStream(func(context.Context, tickets) iter.Seq2[*int, error] { return mapped(func(int) *int { return &n }) }),
		mediator.HandleStream(func(context.Context, quotes) iter.Seq2[quote, error] {
			return mapped(func(i int) quote { return quote{Symbol: "ACME", Price: float64(i), Depth: [3]int{i, i, i}} })
		}),
		mediator.Handle(func(context.Context, ask) (int, error) { return 7, nil }),
		mediator.Subscribe(func(context.Context, told) error { return nil }),
	)
	var got []string
	for v, err := range mediator.Stream(t.Context(), m, texts{}) {
		require.NoError(t, err)
		got = append(got, v)
	}
	for v, err := range mediator.Stream(t.Context(), m, tickets{}) {
		require.NoError(t, err)
		require.Same(t, &n, v)
	}
	for v, err := range mediator.Stream(t.Context(), m, quotes{}) {
		require.NoError(t, err)
		got = append(got, fmt.Sprint(v))
	}
	require.Equal(t, []string{"0", "1", "2", "3", "4", "{ACME 0 [0 0 0]}", "{ACME 1 [1 1 1]}", "{ACME 2 [2 2 2]}",
		"{ACME 3 [3 3 3]}", "{ACME 4 [4 4 4]}"}, got)
	for v, err := range mediator.Stream(t.Context(), m, count{N: 5}) {
		require.NoError(t, err)
		require.Less(t, v, 5)
	}
	answer, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	require.Equal(t, 7, answer)
	require.NoError(t, mediator.Publish(t.Context(), m, told{}))

	s := k.Snapshot()
	requireExact(t, s)
	require.EqualValues(t, 4, s.Started, "the streams")
	require.EqualValues(t, 20, s.Delivered)
}

// mapped yields f of 0 to 4.
func mapped[T any](f func(int) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i := range 5 {
			if !yield(f(i), nil) {
				return
			}
		}
	}
}

// TestRunsAtOnce has several runs of one boundary in progress.
func TestRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := bounded(t, backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 4}, burst)
		done := make(chan error)
		for range 3 {
			go func() {
				_, err := slowly(t, m, 20)
				done <- err
			}()
		}
		time.Sleep(500 * time.Millisecond)
		s := k.Snapshot()
		requireExact(t, s)
		require.Len(t, s.Runs, 3)
		require.EqualValues(t, 3, s.Started)
		require.Equal(t, backpressure.DropOldest, s.Strategy)
		for _, r := range s.Runs {
			require.Equal(t, backpressure.Counts{Produced: 20, Delivered: 1, Dropped: 15, Queued: 4}, r.Counts)
			require.True(t, r.Pressure)
			require.Equal(t, 4, r.Capacity)
			require.Equal(t, "backpressure_test.count", r.Name)
			require.Equal(t, 1, r.SampleEvery)
			require.Zero(t, r.Pace)
		}
		require.Equal(t, backpressure.Counts{Produced: 60, Delivered: 3, Dropped: 45, Queued: 12}, s.Counts)
		for range 3 {
			require.NoError(t, <-done)
		}
		s = k.Snapshot()
		require.Empty(t, s.Runs)
		require.Equal(t, backpressure.Counts{Produced: 60, Delivered: 15, Dropped: 45}, s.Counts)
		require.EqualValues(t, 3, s.Pressures)
	})
}
