package mediator_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// sending is counting as a handler that sends, and that heeds its context.
func sending(ctx context.Context, q count, out chan<- int) error {
	for i := range q.N {
		select {
		case out <- i:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func TestHandleStreamChan(t *testing.T) {
	for _, capacity := range []int{0, 1, 3, 100} {
		for name, h := range map[string]func(context.Context, count, chan<- int) error{
			"heeds": sending,
			"closes": func(ctx context.Context, q count, out chan<- int) error {
				defer close(out)
				return sending(ctx, q, out)
			},
			"plain": func(_ context.Context, q count, out chan<- int) error {
				for i := range q.N {
					out <- i
				}
				return nil
			},
		} {
			t.Run(name, func(t *testing.T) {
				m := newMediator(t, mediator.Use(noop), mediator.HandleStreamChan(h, mediator.Capacity(capacity)))
				got, err := collect(t, mediator.Stream(t.Context(), m, count{N: 5}))
				require.NoError(t, err)
				require.Equal(t, []int{0, 1, 2, 3, 4}, got)
				n := 0
				for range mediator.Stream(t.Context(), m, count{N: 1000}) {
					if n++; n == 2 {
						break
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var end error
				for item, err := range mediator.Stream(ctx, m, count{N: 1000}) {
					if end = err; item == 2 {
						cancel()
					}
				}
				require.ErrorIs(t, end, context.Canceled)
			})
		}
	}
}

func TestAChannelHandlersErrorComesAfterItsItems(t *testing.T) {
	for _, closes := range []bool{false, true} {
		m := newMediator(t, mediator.HandleStreamChan(func(_ context.Context, _ count, out chan<- int) error {
			out <- 1
			out <- 2
			if closes {
				close(out)
			}
			return errBoom
		}, mediator.Capacity(2)))
		got, err := collect(t, mediator.Stream(t.Context(), m, count{}))
		require.Equal(t, errBoom, err)
		require.Equal(t, []int{1, 2}, got)
	}
}

func TestAChannelHandlerThatIgnoresTheStopIsLetFinish(t *testing.T) {
	returned := false
	m := newMediator(t, mediator.HandleStreamChan(func(_ context.Context, q count, out chan<- int) error {
		for i := range q.N {
			out <- i
		}
		returned = true
		return nil
	}))
	for _, n := range []int{1000, 100_000} {
		returned = false
		for item := range mediator.Stream(t.Context(), m, count{N: n}) {
			if item == 3 {
				break
			}
		}
		require.True(t, returned, "no goroutine outlives the stream")

		returned = false
		s := mediator.StreamChan(t.Context(), m, count{N: n})
		require.Equal(t, 0, <-s.C)
		require.NoError(t, s.Close())
		require.True(t, returned, "no goroutine outlives Close")
	}
}

func TestAChannelHandlerThatNeverEndsIsWaitedForFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost error
		unblock, returned := make(chan struct{}), make(chan struct{}, 2) // only for the test to end without a goroutine
		m := newMediator(t, mediator.OnError(func(_ context.Context, err error) { lost = err }),
			mediator.HandleStreamChan(func(_ context.Context, q count, out chan<- int) error {
				defer func() { returned <- struct{}{} }()
				for i := 0; q.N == 0 || i < q.N; i++ {
					time.Sleep(500 * time.Millisecond)
					select {
					case out <- i:
					case <-unblock:
						return nil
					}
				}
				return nil
			}))
		leave := func(n int) time.Duration {
			began := time.Now()
			for range mediator.Stream(t.Context(), m, count{N: n}) {
				break
			}
			return time.Since(began)
		}
		require.Equal(t, 5*time.Second, leave(10), "it ends")
		require.NoError(t, lost)
		require.Less(t, leave(0), 7*time.Second)
		require.ErrorContains(t, lost, "goes on sending")
		close(unblock)
		<-returned
		<-returned
	})
}

func TestAChannelHandlerThatNeverEndsIsReported(t *testing.T) {
	var lost error
	unblock := make(chan struct{}) // only for the test to end without a goroutine
	m := newMediator(t, mediator.OnError(func(_ context.Context, err error) { lost = err }),
		mediator.HandleStreamChan(func(_ context.Context, _ count, out chan<- int) error {
			for i := 0; ; i++ {
				select {
				case out <- i:
				case <-unblock:
					return nil
				}
			}
		}))
	for _, leave := range []func(){
		func() {
			for range mediator.Stream(t.Context(), m, count{}) {
				break
			}
		},
		func() {
			require.PanicsWithValue(t, "of the consumer", func() {
				for range mediator.Stream(t.Context(), m, count{}) {
					panic("of the consumer")
				}
			})
		},
	} {
		lost = nil
		leave()
		require.ErrorContains(t, lost, "mediator: stream mediator_test.count: the handler goes on sending after its context was cancelled")
	}
	close(unblock)
}

func TestAChannelHandlersPanicReachesTheConsumer(t *testing.T) {
	m := newMediator(t, mediator.HandleStreamChan(func(ctx context.Context, q count, out chan<- int) error {
		out <- 1
		if q.N == 0 {
			panic(errBoom)
		}
		<-ctx.Done()
		panic("late")
	}))
	var got []int
	func() {
		defer func() {
			p := recover().(*mediator.PanicError)
			require.ErrorIs(t, p, errBoom)
			require.Contains(t, string(p.Stack), "chan_test.go")
		}()
		for item := range mediator.Stream(t.Context(), m, count{}) {
			got = append(got, item)
		}
	}()
	require.Equal(t, []int{1}, got)
	require.PanicsWithError(t, "panic: late", func() {
		for range mediator.Stream(t.Context(), m, count{N: 1}) {
			break
		}
	}, "also after the consumer has stopped")

	m = newMediator(t, mediator.HandleStreamChan(func(context.Context, count, chan<- int) error { runtime.Goexit(); return nil }))
	_, err := collect(t, mediator.Stream(t.Context(), m, count{}))
	require.ErrorIs(t, err, mediator.ErrGoexit)
}

func TestStreamChanDeliversAndEnds(t *testing.T) {
	for _, opt := range []mediator.Option{mediator.HandleStream(counting), mediator.HandleStreamChan(sending)} {
		for _, opts := range [][]mediator.StreamOption{nil, {mediator.Capacity(1)}, {mediator.Capacity(100)}} {
			m := newMediator(t, mediator.Use(noop), opt)
			s := mediator.StreamChan(t.Context(), m, count{N: 10}, opts...)
			require.NoError(t, s.Err(), "not valid yet")
			want := 0
			for item := range s.C {
				require.Equal(t, want, item)
				want++
			}
			require.Equal(t, 10, want)
			require.NoError(t, s.Err())
			require.NoError(t, s.Close())
			require.NoError(t, s.Close())
			require.NoError(t, s.Err(), "closed after its end: complete")
		}
	}
}

func TestStreamChanErrors(t *testing.T) { synctest.Test(t, testStreamChanErrors) }

func testStreamChanErrors(t *testing.T) {
	m := newMediator(t, mediator.HandleStreamChan(func(ctx context.Context, q count, out chan<- int) error {
		out <- 1
		switch q.N {
		case 0:
			return errBoom
		case 1:
			panic("oh no")
		}
		<-ctx.Done()
		return ctx.Err()
	}))
	end := func(ctx context.Context, q count) error {
		s := mediator.StreamChan(ctx, m, q)
		require.Equal(t, 1, <-s.C)
		_, open := <-s.C
		require.False(t, open)
		err := s.Err()
		require.Equal(t, err, s.Close())
		return err
	}
	require.Equal(t, errBoom, end(t.Context(), count{N: 0}))
	var p *mediator.PanicError
	require.ErrorAs(t, end(t.Context(), count{N: 1}), &p)
	require.Equal(t, "oh no", p.Value)
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTimeout)
	defer cancel()
	err := end(ctx, count{N: 2})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, errTimeout)
	s := mediator.StreamChan(t.Context(), m, count{}, nil)
	_, open := <-s.C
	require.False(t, open)
	require.ErrorContains(t, s.Err(), "a nil StreamOption")
}

// Whoever sees C closed learns why at once: a stream that was cut off must not look
// complete for a moment. The reader spins, to look between any two steps of the end.
func TestErrIsValidAsSoonAsCIsClosed(t *testing.T) {
	m := newMediator(t, mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(0, errBoom) }
	}))
	for range 2000 {
		s := mediator.StreamChan(t.Context(), m, count{})
		for open := true; open; {
			select {
			case _, open = <-s.C:
			default:
			}
		}
		require.Equal(t, errBoom, s.Err())
		require.Equal(t, errBoom, s.Close())
	}
}

func TestClosingAChanStreamEarly(t *testing.T) {
	for name, opt := range map[string]mediator.Option{
		"iterator": mediator.HandleStream(counting),
		"channel":  mediator.HandleStreamChan(sending),
		"waits":    mediator.HandleStreamChan(func(ctx context.Context, _ count, out chan<- int) error { out <- 0; <-ctx.Done(); return ctx.Err() }),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMediator(t, opt)
			s := mediator.StreamChan(t.Context(), m, count{N: 1 << 30})
			require.Equal(t, 0, <-s.C)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for range s.C {
			}
			require.ErrorIs(t, s.Err(), mediator.ErrStopped, "cut off, so it does not look complete")

			// closed without a receive, and before it could start
			require.NoError(t, mediator.StreamChan(t.Context(), m, count{N: 1 << 30}).Close())
		})
	}
}

// The ErrStopped of a stream that the handler reads is not that of its own.
func TestCloseTellsOfAHandlerWhoseSourceWasStopped(t *testing.T) {
	source := newMediator(t, mediator.HandleStream(counting))
	m := newMediator(t, mediator.HandleStream(func(ctx context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			s := mediator.StreamChan(ctx, source, q)
			_ = s.Close()
			yield(0, s.Err())
		}
	}))
	s := mediator.StreamChan(t.Context(), m, count{N: 1 << 30})
	for range s.C {
	}
	require.ErrorIs(t, s.Err(), mediator.ErrStopped)
	require.Equal(t, s.Err(), s.Close())
}

func TestACancelledContextReleasesABlockedSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.HandleStream(counting))
		ctx, cancel := context.WithCancelCause(t.Context())
		s := mediator.StreamChan(ctx, m, count{N: 10}, mediator.Capacity(2))
		synctest.Wait() // it has filled the channel and blocks
		cancel(errBoom)
		synctest.Wait()
		n := 0
		for range s.C {
			n++
		}
		require.Equal(t, 2, n, "what C held can still be received")
		require.ErrorIs(t, s.Err(), errBoom)
		require.ErrorIs(t, s.Err(), context.Canceled)
	})
}

func TestCloseOfTheMediatorEndsItsChanStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := mediator.New(mediator.HandleStream(counting))
		require.NoError(t, err)
		s := mediator.StreamChan(t.Context(), m, count{N: 1 << 30})
		require.Equal(t, 0, <-s.C)
		require.NoError(t, m.Close(t.Context()))
		for range s.C {
		}
		require.ErrorIs(t, s.Err(), mediator.ErrClosed)

		m, err = mediator.New(mediator.HandleStreamChan(func(context.Context, count, chan<- int) error { time.Sleep(time.Hour); return nil }))
		require.NoError(t, err)
		s = mediator.StreamChan(t.Context(), m, count{})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var undone *mediator.UndoneError
		require.ErrorAs(t, m.Close(ctx), &undone)
		require.Equal(t, 1, undone.Running)
		require.NoError(t, m.Close(t.Context()))
		require.ErrorIs(t, s.Err(), mediator.ErrClosed)
	})
}

// unasked is an error whose nil pointer is no nil error, and panics when asked.
type unasked struct{ cause error }

func (u *unasked) Error() string { return u.cause.Error() }
func (u *unasked) Unwrap() error { return u.cause }

// circular is an error that wraps itself, so that errors.Is never ends.
type circular struct{}

func (circular) Error() string { return "circular" }
func (circular) Unwrap() error { return circular{} }

func TestErrorsOfStreamsThatCannotBeAsked(t *testing.T) {
	for _, bad := range []error{(*unasked)(nil), circular{}} {
		plain := mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, bad) }
		})
		channel := mediator.HandleStreamChan(func(_ context.Context, _ count, out chan<- int) error { out <- 1; return bad })
		for name, opts := range map[string][]mediator.Option{
			"iterator": {plain}, "channel": {channel},
			"queue": {plain, mediator.Use(keep(new(*mediator.Queue), mediator.QueueConfig{Capacity: 4}))}, "queue of a channel": {channel, mediator.Use(keep(new(*mediator.Queue), mediator.QueueConfig{Capacity: 4}))},
		} {
			t.Run(fmt.Sprintf("%T, %s", bad, name), func(t *testing.T) {
				m := newMediator(t, opts...)
				var items int
				var last error
				for _, err := range mediator.Stream(t.Context(), m, count{}) {
					if last = err; err == nil {
						items++
					}
				}
				require.Equal(t, 1, items)
				require.Equal(t, bad, last)

				s := mediator.StreamChan(t.Context(), m, count{})
				for range s.C {
					items++
				}
				require.Equal(t, 2, items)
				require.Equal(t, bad, s.Err())
			})
		}
	}
}
