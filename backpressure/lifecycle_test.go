package backpressure_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// eachStrategy runs a test with each strategy, with a small queue that is full soon.
func eachStrategy(t *testing.T, test func(t *testing.T, c backpressure.Config)) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, backpressure.Config{Strategy: s, Capacity: 4}) })
		})
	}
}

// TestEarlyStop leaves the loop while the producer waits or produces: the loop ends
// when the handler has.
func TestEarlyStop(t *testing.T) {
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		ended := false
		m, k := bounded(t, c, func(ctx context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				defer func() { ended = true }()
				for i := 0; yield(i, nil); i++ {
					if i >= 100 {
						<-ctx.Done()
					}
				}
			}
		})
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
			time.Sleep(time.Minute)
			break
		}
		require.True(t, ended)
		s := k.Snapshot()
		requireExact(t, s)
		require.EqualValues(t, 1, s.Delivered)
		require.Zero(t, s.Queued)
		require.Empty(t, s.Runs)
	})
}

// TestCancel ends the context of a consumer that has gone to sleep.
func TestCancel(t *testing.T) {
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		m, k := bounded(t, c, func(ctx context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; yield(i, nil); i++ {
					if i >= 3 {
						<-ctx.Done()
					}
				}
			}
		})
		var got []int
		var end error
		for i, err := range mediator.Stream(ctx, m, count{}) {
			if err != nil {
				require.NoError(t, end)
				end = err
				continue
			}
			got = append(got, i)
			time.Sleep(time.Second)
			cancel(cause)
		}
		require.Len(t, got, 1, "what was queued is not delivered any more")
		require.ErrorIs(t, end, context.Canceled)
		require.ErrorIs(t, end, cause)
		s := k.Snapshot()
		requireExact(t, s)
		require.Zero(t, s.Queued)
		require.EqualValues(t, 1, s.Delivered)
	})
}

// TestConsumerNeverComesBack has a consumer that stays in its loop body for good, as
// far as the boundary can see, under a context that ends.
func TestConsumerNeverComesBack(t *testing.T) {
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		handlerEnded := make(chan struct{})
		m, k := bounded(t, c, func(ctx context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				defer close(handlerEnded)
				for i := 0; i < 1000 && yield(i, nil); i++ {
					time.Sleep(time.Second)
				}
			}
		})
		for _, err := range mediator.Stream(ctx, m, count{}) {
			if err != nil && c.Strategy == backpressure.Fail {
				require.ErrorIs(t, err, backpressure.ErrOverflow)
				break
			}
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				break
			}
			<-handlerEnded
			require.LessOrEqual(t, k.Snapshot().Queued, 4)
		}
		requireExact(t, k.Snapshot())
	})
}

// TestHandlerFails has a handler that fails when items are queued: they come first,
// then the error, once.
func TestHandlerFails(t *testing.T) {
	broken := errors.New("broken")
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		m, k := bounded(t, c, func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := range 3 {
					if !yield(i, nil) {
						return
					}
				}
				yield(0, broken)
			}
		})
		var got []int
		var errs []error
		for i, err := range mediator.Stream(t.Context(), m, count{}) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			require.Empty(t, errs)
			got = append(got, i)
			time.Sleep(time.Second)
		}
		require.Equal(t, []error{broken}, errs)
		require.Equal(t, 2, got[len(got)-1], "the last item")
		s := k.Snapshot()
		requireExact(t, s)
		require.EqualValues(t, 3, s.Produced)
		if c.Strategy != backpressure.Latest {
			require.Equal(t, []int{0, 1, 2}, got)
		}
		require.Zero(t, s.Abandoned)
	})
}

// TestHandlerPanics has a panic where TestHandlerFails has an error.
func TestHandlerPanics(t *testing.T) {
	broken := errors.New("broken")
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		m, k := bounded(t, c, func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				yield(0, nil)
				yield(1, nil)
				panic(broken)
			}
		})
		var got []int
		var caught any
		func() {
			defer func() { caught = recover() }()
			for i, err := range mediator.Stream(t.Context(), m, count{}) {
				require.NoError(t, err)
				got = append(got, i)
				time.Sleep(time.Second)
			}
		}()
		require.Equal(t, 1, got[len(got)-1], "the last item")
		err, _ := caught.(error)
		var p *mediator.PanicError
		require.ErrorAs(t, err, &p)
		require.ErrorIs(t, err, broken)
		require.Contains(t, string(p.Stack), "TestHandlerPanics", "the stack is the handler's")
		s := k.Snapshot()
		requireExact(t, s)
		require.Empty(t, s.Runs)
	})
}

func TestHandlerExits(t *testing.T) {
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		m, k := bounded(t, c, func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				yield(0, nil)
				runtime.Goexit()
			}
		})
		var got []int
		var end error
		for i, err := range mediator.Stream(t.Context(), m, count{}) {
			if end = err; err == nil {
				got = append(got, i)
			}
		}
		require.Equal(t, []int{0}, got)
		require.ErrorIs(t, end, mediator.ErrGoexit)
		requireExact(t, k.Snapshot())
	})
}

// TestConsumerPanics has a panic in the loop body while the producer waits.
func TestConsumerPanics(t *testing.T) {
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		m, k := bounded(t, c, countUp)
		require.PanicsWithValue(t, "mine", func() {
			for range mediator.Stream(t.Context(), m, count{N: 50}) {
				time.Sleep(time.Second)
				panic("mine")
			}
		})
		s := k.Snapshot()
		requireExact(t, s)
		require.Empty(t, s.Runs)
		require.EqualValues(t, 1, s.Delivered)
	})
}
