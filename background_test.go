package mediator_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

func TestBackgroundIsDetachedAndDrainedByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		start := time.Now()
		var values []any
		var cancelled []error
		m, err := mediator.New(mediator.BackgroundQueue(10, 1), mediator.Subscribe(func(ctx context.Context, c created) error {
			time.Sleep(time.Second)
			values = append(values, ctx.Value(key{}).(string)+c.ID)
			cancelled = append(cancelled, ctx.Err())
			return nil
		}))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
		for _, id := range []string{"1", "2", "3"} {
			require.NoError(t, mediator.Publish(ctx, m, created{ID: id}, mediator.Background()))
		}
		cancel()
		require.Zero(t, time.Since(start), "Publish did not wait")
		require.NoError(t, m.Close(t.Context()))
		require.Equal(t, 3*time.Second, time.Since(start), "Close did")
		require.Equal(t, []any{"v1", "v2", "v3"}, values)
		require.Equal(t, []error{nil, nil, nil}, cancelled)
	})
}

func TestAFullBackgroundQueueBlocksUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var handled atomic.Int64
		m, err := mediator.New(mediator.BackgroundQueue(2, 1), mediator.Subscribe(func(context.Context, created) error {
			<-release
			handled.Add(1)
			return nil
		}))
		require.NoError(t, err)
		for range 3 { // one with the worker, two in the queue
			require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errTimeout)
		defer cancel()
		start := time.Now()
		err = mediator.Publish(ctx, m, created{}, mediator.Background())
		require.Equal(t, time.Minute, time.Since(start))
		require.ErrorIs(t, err, mediator.ErrQueueFull)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errTimeout)
		require.EqualError(t, err, "mediator: publish mediator_test.created: background queue is full: context deadline exceeded: timed out")

		waiting := make(chan error)
		go func() { waiting <- mediator.Publish(t.Context(), m, created{}, mediator.Background()) }()
		synctest.Wait()
		release <- struct{}{} // makes room
		require.NoError(t, <-waiting)
		close(release)
		require.NoError(t, m.Close(t.Context()))
		require.EqualValues(t, 4, handled.Load(), "the refused one was not handled")
	})
}

func TestBackgroundErrorsGoToTheHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var lost []error
		outcome := fine
		m := newMediator(t, mediator.BackgroundQueue(1, 1),
			mediator.OnError(func(ctx context.Context, err error) {
				require.Equal(t, "v", ctx.Value(key{}))
				lost = append(lost, err)
			}),
			mediator.Subscribe(func(context.Context, created) error { return outcome() }, mediator.Group("a")))
		ctx := context.WithValue(t.Context(), key{}, "v")
		for _, outcome = range []func() error{fine, func() error { return errBoom }, func() error { panic("oh no") }, func() error { runtime.Goexit(); return nil }, fine} {
			require.NoError(t, mediator.Publish(ctx, m, created{}, mediator.Background()))
			synctest.Wait()
		}
		require.Len(t, lost, 3)
		require.EqualError(t, lost[0], "mediator: publish mediator_test.created to a: boom")
		require.ErrorIs(t, lost[0], errBoom)
		require.EqualError(t, lost[1], "mediator: publish mediator_test.created to a: panic: oh no")
		require.ErrorIs(t, lost[2], mediator.ErrGoexit)
	})
}

func TestWithoutAHookBackgroundErrorsAreLogged(t *testing.T) {
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(old)
	for _, opts := range [][]mediator.Option{nil, {mediator.OnError(func(context.Context, error) { panic("in the hook") })}} {
		out.Reset()
		m, err := mediator.New(append(opts, mediator.Subscribe(func(context.Context, created) error { return errBoom }))...)
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
		require.NoError(t, m.Close(t.Context()))
		require.Contains(t, out.String(), "boom")
		if opts != nil {
			require.Contains(t, out.String(), "in the hook")
		}
	}
}

func TestBackgroundInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, handled := make(chan struct{}), 0
		m := newMediator(t, mediator.BackgroundQueue(1, 1),
			mediator.Subscribe(func(context.Context, created) error { gate <- struct{}{}; return nil }),
			mediator.Subscribe(func(context.Context, created) error { <-gate; handled++; return nil }))
		require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background(), mediator.Parallel(0)))
		synctest.Wait()
		require.Equal(t, 1, handled, "one after the other they would wait for each other")
	})
}

// A handler run by a worker must not wait for the room that only it could make.
func TestBackgroundInsideABackgroundHandlerDoesNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		var full, handled atomic.Int64
		m, err := mediator.New(mediator.BackgroundQueue(2, 3), mediator.Subscribe(func(ctx context.Context, n int) error {
			handled.Add(1)
			for range 3 {
				if n == 0 {
					return nil
				}
				if err := mediator.Publish(ctx, m, n-1, mediator.Background()); errors.Is(err, mediator.ErrQueueFull) {
					full.Add(1)
				} else if err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, err)
		accepted := int64(1)
		require.NoError(t, mediator.Publish(t.Context(), m, 6, mediator.Background()))
		require.NoError(t, m.Close(t.Context()), "drains what handlers publish meanwhile")
		require.Positive(t, full.Load())
		require.Greater(t, handled.Load(), accepted)
	})
}

func TestHandlersStillMayCallWhileCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		var got order
		streamed, notified := 0, 0
		m, err := mediator.New(mediator.Handle(orders{prefix: "o-"}.Place), mediator.HandleStream(counting),
			mediator.Subscribe(func(context.Context, order) error { notified++; return nil }),
			mediator.Subscribe(func(context.Context, shipped) error { notified++; return nil }),
			mediator.Subscribe(func(ctx context.Context, c created) (err error) {
				time.Sleep(time.Second)
				got, err = mediator.Send(ctx, m, placeOrder{SKU: c.ID})
				for range mediator.Stream(ctx, m, count{N: 3}) {
					streamed++
				}
				return errors.Join(err, mediator.Publish(ctx, m, got), mediator.Publish(ctx, m, got),
					mediator.Publish(ctx, m, shipped{}, mediator.Background()))
			}), mediator.OnError(func(_ context.Context, err error) { t.Error(err) }))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, created{ID: "x"}, mediator.Background()))
		closed := make(chan error)
		go func() { closed <- m.Close(t.Context()) }()
		synctest.Wait()
		_, err = mediator.Send(t.Context(), m, placeOrder{})
		require.ErrorIs(t, err, mediator.ErrClosed, "but nobody else")
		require.ErrorIs(t, mediator.Publish(t.Context(), m, order{}), mediator.ErrClosed)
		require.NoError(t, <-closed)
		require.Equal(t, "o-x", got.ID)
		require.Equal(t, 3, streamed)
		require.Equal(t, 3, notified)
	})
}

func TestCloseReturnsWhatIsLeftUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		m, err := mediator.New(mediator.BackgroundQueue(10, 1), mediator.Subscribe(func(ctx context.Context, c created) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			time.Sleep(time.Hour)
			return nil
		}))
		require.NoError(t, err)
		for _, id := range []string{"1", "2", "3"} {
			require.NoError(t, mediator.Publish(t.Context(), m, created{ID: id}, mediator.Background()))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = m.Close(ctx)
		var undone *mediator.UndoneError
		require.ErrorAs(t, err, &undone)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []any{created{ID: "2"}, created{ID: "3"}}, undone.Queued)
		require.Equal(t, 1, undone.Running)
		require.EqualError(t, err, "mediator: close: notifications not handled: 2, goroutines still running: 1: context deadline exceeded")
		require.NoError(t, m.Close(t.Context()), "waits for the rest")
		require.ErrorIs(t, cause, mediator.ErrClosed, "the handler was cancelled")
	})
}

// Whoever has closed the mediator closes what its handlers use, such as the store that
// keeps what has failed.
func TestCloseWaitsAMomentForWhatItHasCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []error
		keep := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			err := next(ctx, c)
			time.Sleep(50 * time.Millisecond) // a write
			kept = append(kept, err)
			return err
		})
		m, err := mediator.New(mediator.OnError(func(context.Context, error) {}), mediator.Use(keep),
			mediator.Subscribe(func(ctx context.Context, c created) error { <-ctx.Done(); return context.Cause(ctx) }))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var undone *mediator.UndoneError
		require.ErrorAs(t, m.Close(ctx), &undone)
		require.Equal(t, 1, undone.Running)
		require.Equal(t, []error{mediator.ErrClosed}, kept)
	})
}

func TestCloseReleasesAPublisherThatWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m, err := mediator.New(mediator.BackgroundQueue(1, 1), mediator.Subscribe(func(context.Context, created) error { <-release; return nil }))
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
			synctest.Wait()
		}
		waiting, closed := make(chan error), make(chan error)
		go func() { waiting <- mediator.Publish(t.Context(), m, created{}, mediator.Background()) }()
		synctest.Wait()
		go func() { closed <- m.Close(t.Context()) }()
		require.ErrorIs(t, <-waiting, mediator.ErrClosed)
		close(release)
		require.NoError(t, <-closed)
	})
}

func TestCloseInsideABackgroundHandlerDoesNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		inner := make(chan error, 1)
		m, err := mediator.New(mediator.Subscribe(func(ctx context.Context, c created) error {
			inner <- m.Close(ctx)
			return nil
		}))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
		require.ErrorContains(t, <-inner, "called by a background handler")
		require.NoError(t, m.Close(t.Context()))
	})
}

// What Close drains may still stream.
func TestStreamChanOfABackgroundHandlerWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		got := make(chan []int, 1)
		var failed error
		var m *mediator.Mediator
		m, err := mediator.New(mediator.HandleStream(counting), mediator.Subscribe(func(ctx context.Context, _ created) error {
			<-closing
			s := mediator.StreamChan(ctx, m, count{N: 3})
			var items []int
			for i := range s.C {
				items = append(items, i)
			}
			failed = s.Err()
			got <- items
			return nil
		}))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
		closed := make(chan error, 1)
		go func() { closed <- m.Close(t.Context()) }()
		synctest.Wait()
		require.ErrorIs(t, mediator.StreamChan(t.Context(), m, count{N: 3}).Err(), mediator.ErrClosed, "of anybody else")
		close(closing)
		require.Equal(t, []int{0, 1, 2}, <-got)
		require.NoError(t, failed)
		require.NoError(t, <-closed)
	})
}
