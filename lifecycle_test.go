package mediator_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// lifeLog notes what is called.
type lifeLog []string

func (l *lifeLog) start(name string) mediator.Option {
	return mediator.OnStart(func(*mediator.Mediator) error { *l = append(*l, "start "+name); return nil })
}

func (l *lifeLog) close(name string, err error) mediator.Option {
	return mediator.OnClose(func(context.Context) error { *l = append(*l, "close "+name); return err })
}

func TestStartInOrderAndCloseInReverse(t *testing.T) {
	var log lifeLog
	m, err := mediator.New(log.start("a"), log.close("a", nil), log.start("b"), mediator.Options(log.close("b", nil), log.close("c", nil)))
	require.NoError(t, err)
	require.Equal(t, lifeLog{"start a", "start b"}, log)
	for range 3 {
		require.NoError(t, m.Close(t.Context()))
	}
	require.Equal(t, lifeLog{"start a", "start b", "close c", "close b", "close a"}, log)
}

func TestTheMediatorIsUsableInOnStart(t *testing.T) {
	var heard []string
	var given *mediator.Mediator
	background := make(chan string, 1)
	m := newMediator(t, mediator.Handle(orders{prefix: "o-"}.Place, mediator.Named("place")), mediator.HandleStream(counting), hear(&heard, "a", fine),
		mediator.Subscribe(func(_ context.Context, s string) error { background <- s; return nil }),
		mediator.OnStart(func(m *mediator.Mediator) error {
			given = m
			ctx := t.Context()
			o, err := mediator.Send(ctx, m, placeOrder{SKU: "x"})
			require.NoError(t, err)
			require.Equal(t, "o-x", o.ID)
			require.NoError(t, mediator.Publish(ctx, m, created{ID: "1"}))
			require.NoError(t, mediator.Publish(ctx, m, "later", mediator.Background()))
			_, err = mediator.Dispatch(ctx, m, "place", fromJSON(`{}`))
			require.NoError(t, err)
			items, err := collect(t, mediator.Stream(ctx, m, count{N: 2}))
			require.NoError(t, err)
			require.Len(t, items, 2)
			require.Len(t, m.Inspect(), 4)
			_, err = mediator.Listen(m, onOrder)
			return err
		}))
	require.Same(t, m, given)
	require.Equal(t, []string{"a:1"}, heard)
	require.Equal(t, "later", <-background)
	require.Len(t, m.Inspect(), 5)
}

func TestAFailedStartClosesWhatHadStarted(t *testing.T) {
	errStop := errors.New("would not stop")
	for name, c := range map[string]struct {
		fail func(*mediator.Mediator) error
		want string
	}{
		"error": {func(*mediator.Mediator) error { return errBoom }, "mediator: new: OnStart mediator_test.TestAFailedStartClosesWhatHadStarted.func1: boom"},
		"panic": {func(*mediator.Mediator) error { panic(errBoom) }, "mediator: new: OnStart mediator_test.TestAFailedStartClosesWhatHadStarted.func2: panic: boom"},
	} {
		t.Run(name, func(t *testing.T) {
			var log lifeLog
			var m *mediator.Mediator
			handled := false
			got, err := mediator.New(log.start("a"), log.close("a", errStop),
				mediator.Subscribe(func(context.Context, created) error { handled = true; return nil }),
				mediator.OnStart(func(given *mediator.Mediator) error {
					m = given
					return mediator.Publish(t.Context(), m, created{}, mediator.Background())
				}),
				mediator.OnStart(c.fail), log.start("c"), log.close("c", nil))
			require.Nil(t, got)
			require.ErrorIs(t, err, errBoom)
			require.ErrorIs(t, err, errStop, "the error of closing is joined")
			require.ErrorContains(t, err, c.want)
			var p *mediator.PanicError
			require.Equal(t, name == "panic", errors.As(err, &p))
			require.Equal(t, lifeLog{"start a", "close c", "close a"}, log)
			require.True(t, handled, "the queue is drained")
			require.ErrorIs(t, mediator.Publish(t.Context(), m, created{}), mediator.ErrClosed)
		})
	}
}

func TestGoexitInOnStartClosesWhatHadStarted(t *testing.T) {
	var log lifeLog
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = mediator.New(log.start("a"), log.close("a", nil), mediator.OnStart(func(*mediator.Mediator) error { runtime.Goexit(); return nil }))
		t.Error("New has returned")
	}()
	<-done
	require.Equal(t, lifeLog{"start a", "close a"}, log)
}

func TestAFailedStartWaitsTenSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		began := time.Now()
		_, err := mediator.New(
			mediator.Subscribe(func(context.Context, created) error { <-release; return nil }),
			mediator.OnStart(func(m *mediator.Mediator) error {
				require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
				return errBoom
			}))
		require.Equal(t, 10*time.Second+100*time.Millisecond, time.Since(began))
		require.ErrorIs(t, err, errBoom)
		undone, ok := errors.AsType[*mediator.UndoneError](err)
		require.True(t, ok)
		require.Equal(t, 1, undone.Running)
		close(release)
	})
}

func TestMistakesInTheWiringStartAndCloseNothing(t *testing.T) {
	var log lifeLog
	_, err := mediator.New(log.start("a"), log.close("a", nil), mediator.OnStart(nil), mediator.OnClose(nil))
	require.ErrorContains(t, err, "OnStart: the function is nil")
	require.ErrorContains(t, err, "OnClose: the function is nil")
	require.Empty(t, log)
}

// While the functions of OnClose run, everything still works; afterwards nothing.
func TestInsideOnCloseTheMediatorTakesAllCalls(t *testing.T) {
	type key struct{}
	var m *mediator.Mediator
	var heard []string
	var kept context.Context
	m, err := mediator.New(mediator.Handle(orders{prefix: "o-"}.Place, mediator.Named("place")), mediator.HandleStream(counting), hear(&heard, "a", fine),
		mediator.OnClose(func(ctx context.Context) error {
			require.Equal(t, "value", ctx.Value(key{}))
			kept = ctx
			_, err := mediator.Send(ctx, m, placeOrder{SKU: "x"})
			require.NoError(t, err)
			require.NoError(t, mediator.Publish(ctx, m, created{ID: "1"}))
			require.NoError(t, mediator.DispatchTo(ctx, m, createdName, "a", fromJSON(`{"ID":"2"}`)))
			items, err := collect(t, mediator.Stream(ctx, m, count{N: 2}))
			require.NoError(t, err)
			require.Len(t, items, 2)
			stop, err := mediator.Listen(m, onOrder)
			require.NoError(t, err)
			stop()
			require.NoError(t, mediator.Publish(ctx, m, created{ID: "3"}, mediator.Background()))
			return nil
		}))
	require.NoError(t, err)
	require.NoError(t, m.Close(context.WithValue(t.Context(), key{}, "value")))
	require.Equal(t, []string{"a:1", "a:2", "a:3"}, heard)
	_, err = mediator.Send(kept, m, placeOrder{})
	require.ErrorIs(t, err, mediator.ErrClosed)
	require.ErrorIs(t, mediator.Publish(kept, m, created{}), mediator.ErrClosed)
}

func TestErrorsOfOnCloseAreJoinedAndStopNothing(t *testing.T) {
	errOther := errors.New("other")
	var log lifeLog
	handled := false
	m, err := mediator.New(log.close("a", errBoom), mediator.OnClose(func(context.Context) error { panic(errOther) }), log.close("c", nil),
		mediator.Subscribe(func(context.Context, created) error { handled = true; return nil }))
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
	err = m.Close(t.Context())
	require.ErrorIs(t, err, errBoom)
	require.ErrorIs(t, err, errOther)
	var p *mediator.PanicError
	require.ErrorAs(t, err, &p)
	var e *mediator.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "close", e.Op)
	require.ErrorContains(t, err, "mediator: close: OnClose mediator_test.TestErrorsOfOnCloseAreJoinedAndStopNothing.func1: panic: other\n\tOnClose mediator_test.")
	require.Equal(t, lifeLog{"close c", "close a"}, log)
	require.True(t, handled)
	require.NoError(t, m.Close(t.Context()), "it is closed, and the functions are not called again")
}

func TestGoexitInOnCloseClosesAllTheSame(t *testing.T) {
	var log lifeLog
	m, err := mediator.New(log.close("a", nil), mediator.OnClose(func(context.Context) error { runtime.Goexit(); return nil }), mediator.HandleStream(counting))
	require.NoError(t, err)
	s := mediator.StreamChan(t.Context(), m, count{N: 10})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.Close(context.Background())
		t.Error("Close has returned")
	}()
	<-done
	for range s.C {
	}
	require.ErrorIs(t, s.Err(), mediator.ErrClosed)
	require.Equal(t, lifeLog{"close a"}, log)
	require.NoError(t, m.Close(t.Context()))
}

func TestASecondCloseWaitsForTheFunctionsOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		var calls atomic.Int64
		m, err := mediator.New(mediator.Handle(place1), mediator.OnClose(func(context.Context) error {
			calls.Add(1)
			close(entered)
			<-release
			return errBoom
		}))
		require.NoError(t, err)
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- m.Close(context.Background()) }()
		<-entered
		go func() { second <- m.Close(context.Background()) }()

		impatient, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("no patience"))
		defer cancel()
		err = m.Close(impatient)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "mediator: close: functions of OnClose still run: context deadline exceeded: no patience")
		_, err = mediator.Send(t.Context(), m, placeOrder{})
		require.NoError(t, err, "nothing is closed while they run")

		synctest.Wait()
		require.Empty(t, second)
		close(release)
		require.ErrorIs(t, <-first, errBoom)
		require.NoError(t, <-second, "the errors are those of the Close that called the functions")
		require.EqualValues(t, 1, calls.Load())
	})
}

func TestCloseFromWithinOnClose(t *testing.T) {
	var m *mediator.Mediator
	m, err := mediator.New(mediator.OnClose(func(ctx context.Context) error { return m.Close(ctx) }))
	require.NoError(t, err)
	require.ErrorContains(t, m.Close(t.Context()), "called by a function of OnClose, which it would wait for")
	require.NoError(t, m.Close(t.Context()))
}

// A background handler that closes the mediator while a function of OnClose waits
// for it does not keep the two waiting for each other.
func TestCloseByAHandlerThatOnCloseWaitsFor(t *testing.T) {
	var m *mediator.Mediator
	closing, handled := make(chan struct{}), make(chan error, 1)
	m, err := mediator.New(
		mediator.Subscribe(func(ctx context.Context, _ created) error {
			<-closing
			handled <- m.Close(ctx)
			return nil
		}),
		mediator.OnClose(func(context.Context) error {
			close(closing)
			err := <-handled
			require.ErrorContains(t, err, "called by a background handler while functions of OnClose run")
			return nil
		}))
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, created{}, mediator.Background()))
	require.NoError(t, m.Close(t.Context()))
}

func TestOnCloseGetsTheContextOfCloseAlsoWhenItHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m, err := mediator.New(mediator.OnClose(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, m.Close(ctx), context.Canceled)
	require.NoError(t, m.Close(t.Context()))
}

// watcher is a Behavior that counts how often it is told that a mediator closes.
type watcher struct {
	log  *lifeLog
	name string
}

func (w *watcher) Wrap(next mediator.Next) mediator.Next { return next }
func (w *watcher) MediatorClosing()                      { *w.log = append(*w.log, "closing "+w.name) }

// hidden is a Behavior around another, as behaviors.When is.
type hidden struct{ mediator.Behavior }

func (h hidden) Unwrap() mediator.Behavior { return h.Behavior }

// uncomparable is a CloseWatcher that no map can hold.
type uncomparable struct{ closing func() }

func (uncomparable) Wrap(next mediator.Next) mediator.Next { return next }
func (u uncomparable) MediatorClosing()                    { u.closing() }

func TestCloseWatchersAreToldOnceAndFirst(t *testing.T) {
	var log lifeLog
	everywhere, inner, relay, late := &watcher{&log, "everywhere"}, &watcher{&log, "inner"}, &watcher{&log, "relay"}, &watcher{&log, "late"}
	m, err := mediator.New(mediator.Use(everywhere), mediator.Handle(place1, mediator.Use(hidden{inner}, everywhere)),
		mediator.HandleStream(counting, mediator.Use(inner, mediator.BehaviorFunc(func(next mediator.Next) mediator.Next { return next }))),
		mediator.Relay((&storing{}).put, mediator.Use(relay)),
		mediator.Subscribe(onOrder, mediator.Use(uncomparable{func() { log = append(log, "uncomparable") }})), log.close("a", nil))
	require.NoError(t, err)
	_, err = mediator.Listen(m, func(context.Context, created) error { return nil }, mediator.Use(late))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, m.Close(t.Context()))
	}
	require.Len(t, log, 6)
	require.ElementsMatch(t, lifeLog{"closing everywhere", "closing inner", "closing relay", "closing late", "uncomparable"}, log[:5])
	require.Equal(t, "close a", log[5])

	log = nil
	shared := mediator.Use(everywhere)
	for range 2 {
		m, err := mediator.New(shared)
		require.NoError(t, err)
		require.NoError(t, m.Close(t.Context()))
	}
	require.Equal(t, lifeLog{"closing everywhere", "closing everywhere"}, log, "once for each mediator")
}

// A page that is sent away while /readyz still says yes would come back.
func TestClosingComesAfterTheCloseWatchers(t *testing.T) {
	var m *mediator.Mediator
	told := false
	m, err := mediator.New(mediator.Handle(place1, mediator.Use(uncomparable{func() {
		told = true
		select {
		case <-m.Closing():
			t.Error("closed before all is told")
		default:
		}
	}}, panickyWatcher{&watcher{}})), mediator.OnClose(func(context.Context) error {
		<-m.Closing()
		return nil
	}))
	require.NoError(t, err)
	require.ErrorIs(t, m.Close(t.Context()), errBoom)
	require.True(t, told)
}

type panickyWatcher struct{ *watcher }

func (panickyWatcher) MediatorClosing() { panic(errBoom) }

func TestAPanicOfACloseWatcherIsAnErrorOfClose(t *testing.T) {
	var log lifeLog
	m, err := mediator.New(mediator.Use(panickyWatcher{&watcher{}}), log.close("a", nil))
	require.NoError(t, err)
	err = m.Close(t.Context())
	require.ErrorIs(t, err, errBoom)
	require.ErrorContains(t, err, "mediator_test.panickyWatcher: panic: boom")
	require.Equal(t, lifeLog{"close a"}, log)
}

func TestCloseByManyAtOnce(t *testing.T) {
	var closes, watched atomic.Int64
	m, err := mediator.New(mediator.Handle(place1), mediator.HandleStream(counting),
		mediator.Subscribe(func(context.Context, created) error { return nil }),
		mediator.OnClose(func(context.Context) error { closes.Add(1); return nil }),
		mediator.Use(&countingWatcher{n: &watched}))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if closes.Load() != 1 {
				t.Error("Close has returned before the function of OnClose")
			}
		})
		wg.Go(func() {
			for {
				stop, err := mediator.Listen(m, func(context.Context, created) error { return nil })
				stop()
				if err == nil {
					err = mediator.Publish(context.Background(), m, created{}, mediator.Background())
				}
				if err != nil {
					if !errors.Is(err, mediator.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, closes.Load())
	require.EqualValues(t, 1, watched.Load())
}

type countingWatcher struct{ n *atomic.Int64 }

func (w *countingWatcher) Wrap(next mediator.Next) mediator.Next { return next }
func (w *countingWatcher) MediatorClosing()                      { w.n.Add(1) }

func TestTheZeroMediatorClosesAndShowsWhatListens(t *testing.T) {
	var m mediator.Mediator
	require.Empty(t, m.Inspect())
	_, err := mediator.Listen(&m, onOrder, mediator.Group("g"))
	require.NoError(t, err)
	require.Len(t, m.Inspect(), 1)
	require.NoError(t, m.Close(t.Context()))
	require.NoError(t, m.Close(t.Context()))
	require.ErrorIs(t, mediator.Publish(t.Context(), &m, order{}), mediator.ErrClosed)
}

func TestClosingTellsWhatAnOnCloseFunctionWaitsFor(t *testing.T) {
	pageEnded := make(chan struct{})
	m, err := mediator.New(
		mediator.HandleCommand(func(context.Context, cancelOrder) error { return nil }),
		mediator.OnClose(func(ctx context.Context) error {
			select {
			case <-pageEnded:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}))
	require.NoError(t, err)
	closing := m.Closing()
	select {
	case <-closing:
		require.Fail(t, "closed before Close")
	default:
	}
	var used error
	go func() {
		defer close(pageEnded)
		<-closing
		used = mediator.Exec(context.Background(), m, cancelOrder{})
	}()
	require.NoError(t, m.Close(t.Context()))
	require.NoError(t, used, "it still takes calls")
	require.NoError(t, m.Close(t.Context()))
	<-m.Closing()

	var zero mediator.Mediator
	require.NoError(t, zero.Close(t.Context()))
	<-zero.Closing()
}

func TestAStartThatClosesIsAnError(t *testing.T) {
	next := false
	_, err := mediator.New(
		mediator.OnStart(func(m *mediator.Mediator) error { return m.Close(t.Context()) }),
		mediator.OnStart(func(*mediator.Mediator) error { next = true; return nil }))
	require.ErrorIs(t, err, mediator.ErrClosed)
	require.ErrorContains(t, err, "it has closed what it was to start with")
	require.False(t, next)
}

func TestWhatBindGivesCannotBeClosedYet(t *testing.T) {
	var early error
	m, err := mediator.New(mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		early = m.Close(t.Context())
		return mediator.Handle(place1)
	}))
	require.NoError(t, err)
	require.ErrorContains(t, early, "what Bind gives can be used once New calls the functions of OnStart")
	_, err = mediator.Send(t.Context(), m, placeOrder{})
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
}
