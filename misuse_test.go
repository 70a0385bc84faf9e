package mediator_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

var errTimeout = errors.New("timed out")

// homemade is the usual timeout: it leaves next running and returns. late gets
// what next returns in the end.
func homemade(timeout <-chan struct{}, late chan<- error) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		done := make(chan error, 1)
		go func() {
			err := next(ctx, c)
			done <- err
			late <- err
		}()
		select {
		case err := <-done:
			return err
		case <-timeout:
			return errTimeout
		}
	})
}

func TestAHomemadeTimeoutLeavesNothingBehind(t *testing.T) {
	for _, around := range []int{0, 2} {
		release, timeout := make(chan struct{}), make(chan struct{})
		late := map[string]chan error{"slow": make(chan error, 1), "fast": make(chan error, 100)}
		block := true
		giveUp := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			return homemade(timeout, late[c.Message().(placeOrder).SKU]).Wrap(next)(ctx, c)
		})
		bs := append(append(noops(around), giveUp), noops(around)...)
		m := newMediator(t, mediator.Use(bs...),
			mediator.Handle(func(_ context.Context, q placeOrder) (order, error) {
				if block {
					close(timeout)
					<-release
				}
				return order{ID: q.SKU}, nil
			}))
		_, err := mediator.Send(t.Context(), m, placeOrder{SKU: "slow"})
		require.ErrorIs(t, err, errTimeout)

		block = false
		done := make(chan struct{})
		go func() { // other calls while the first still runs
			defer close(done)
			for range 100 {
				_, err := mediator.Send(context.Background(), m, placeOrder{SKU: "fast"})
				if err != nil && !errors.Is(err, errTimeout) {
					t.Error(err)
				}
			}
		}()
		close(release)
		<-done
		require.ErrorIs(t, <-late["slow"], mediator.ErrCallOver, "the forgotten next gets an error")
		for range 100 {
			<-late["fast"]
		}
	}
}

// A retry around a home-made timeout: the second attempt must not meet the first.
func TestRetryAroundAHomemadeTimeout(t *testing.T) {
	for _, between := range []int{0, 2} {
		release, late, calls := make(chan struct{}), make(chan error, 10), 0
		first := make(chan struct{})
		timeout := make(chan struct{})
		bs := append(append([]mediator.Behavior{retry(2)}, noops(between)...), homemade(timeout, late))
		m := newMediator(t, mediator.Use(append(bs, noops(between)...)...),
			mediator.Handle(func(_ context.Context, q placeOrder) (order, error) {
				if calls++; calls == 1 {
					timeout <- struct{}{}
					close(first)
					<-release
					return order{ID: "stale"}, nil
				}
				<-first
				return order{ID: "fresh"}, nil
			}))
		o, err := mediator.Send(t.Context(), m, placeOrder{})
		require.NoError(t, err)
		require.Equal(t, "fresh", o.ID)
		require.NoError(t, <-late, "the second attempt")
		close(release)
		require.ErrorIs(t, <-late, mediator.ErrCallOver, "the first")
	}
}

func TestSetResponseWhileNextIsRunningWins(t *testing.T) {
	entered, release, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	fallback := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		go func() { late <- next(ctx, c) }()
		<-entered
		if c.Response() != nil {
			t.Error("a response while next is running")
		}
		if err := c.SetResponse(order{ID: "fallback"}); err != nil {
			return err
		}
		if err := c.Err(); err != nil {
			return err
		}
		return nil
	})
	m := newMediator(t, mediator.Use(fallback), mediator.Handle(func(context.Context, placeOrder) (order, error) {
		close(entered)
		<-release
		return order{ID: "handler"}, nil
	}))
	o, err := mediator.Send(t.Context(), m, placeOrder{})
	require.NoError(t, err)
	require.Equal(t, "fallback", o.ID)
	close(release)
	require.ErrorIs(t, <-late, mediator.ErrCallOver)
}

func TestNextFromTwoGoroutinesAtOnce(t *testing.T) {
	for _, inner := range []int{0, 1, 3} {
		entered, release := make(chan struct{}), make(chan struct{})
		twice := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			first := make(chan error)
			go func() { first <- next(ctx, c) }()
			<-entered
			require.ErrorIs(t, next(ctx, c), mediator.ErrNextRunning)
			close(release)
			return <-first
		})
		m := newMediator(t, mediator.Use(append([]mediator.Behavior{twice}, noops(inner)...)...),
			mediator.Handle(func(context.Context, placeOrder) (order, error) {
				close(entered)
				<-release
				return order{ID: "once"}, nil
			}))
		o, err := mediator.Send(t.Context(), m, placeOrder{})
		require.NoError(t, err)
		require.Equal(t, "once", o.ID)
	}
}

// What Typed gives has no call behind it that could be shared: every use of its next
// has the request and the response of its own.
func TestTheNextOfTypedMayBeCalledAtOnceAndLate(t *testing.T) {
	type next = func(context.Context, get[int]) (int, error)
	for _, inner := range []int{0, 2} {
		var late next
		m := newMediator(t, mediator.Use(noop), mediator.Handle(func(_ context.Context, q get[int]) (int, error) { return q.Key, nil },
			mediator.Typed(func(ctx context.Context, q get[int], next next) (int, error) {
				late = next
				var wg sync.WaitGroup
				for i := range 4 {
					wg.Go(func() {
						for j := range 100 {
							want := 1000*i + j
							if got, err := next(ctx, get[int]{Key: want}); err != nil || got != want {
								t.Error(got, err)
							}
						}
					})
				}
				wg.Wait()
				return next(ctx, q)
			}), mediator.Use(noops(inner)...)))
		for i := range 3 {
			got, err := mediator.Send(t.Context(), m, get[int]{Key: i})
			require.NoError(t, err)
			require.Equal(t, i, got)
			got, err = late(t.Context(), get[int]{Key: -1})
			require.NoError(t, err)
			require.Equal(t, -1, got)
		}
	}
}

// keeper remembers the calls it saw, and its next.
type keeper struct {
	mu    sync.Mutex
	calls []mediator.Call
	next  mediator.Next
}

func (k *keeper) Wrap(next mediator.Next) mediator.Next {
	k.next = next
	return func(ctx context.Context, c mediator.Call) error {
		k.mu.Lock()
		k.calls = append(k.calls, c)
		k.mu.Unlock()
		return next(ctx, c)
	}
}

func TestACallUsedAfterItsTimeSaysSo(t *testing.T) {
	k := &keeper{}
	handled := 0
	m := newMediator(t, mediator.Use(k), mediator.Use(noops(2)...), mediator.Handle(func(_ context.Context, q placeOrder) (order, error) {
		handled++
		return order{ID: q.SKU}, nil
	}))
	for range 5 {
		_, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
		require.NoError(t, err)
		for _, late := range k.calls {
			require.ErrorIs(t, late.Err(), mediator.ErrCallOver)
			require.Nil(t, late.Message())
			require.Nil(t, late.Response())
			require.ErrorIs(t, late.SetResponse(order{}), mediator.ErrCallOver)
			require.ErrorIs(t, k.next(t.Context(), late), mediator.ErrCallOver)
			require.Equal(t, "mediator_test.placeOrder", late.Name(), "what never changes stays readable")
		}
	}
	require.Equal(t, 5, handled)
}

func TestAnEarlierCallDoesNotTouchALaterOne(t *testing.T) {
	k := &keeper{}
	intrude := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		old := k.calls[0]
		require.Nil(t, old.Message())
		require.ErrorIs(t, old.SetResponse(order{ID: "intruder"}), mediator.ErrCallOver)
		err := next(ctx, c)
		require.ErrorIs(t, old.SetResponse(order{ID: "intruder"}), mediator.ErrCallOver)
		require.ErrorIs(t, k.next(ctx, old), mediator.ErrCallOver)
		return err
	})
	first := true
	m := newMediator(t, mediator.Use(k, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if first {
			first = false
			return next(ctx, c)
		}
		return intrude.Wrap(next)(ctx, c)
	})), mediator.Handle(orders{prefix: "o-"}.Place))
	for _, sku := range []string{"a", "b", "c"} {
		o, err := mediator.Send(t.Context(), m, placeOrder{SKU: sku})
		require.NoError(t, err)
		require.Equal(t, "o-"+sku, o.ID)
	}
}

func TestACallIsOverAfterAPanic(t *testing.T) {
	k := &keeper{}
	m := newMediator(t, mediator.Use(k), mediator.Handle(func(context.Context, placeOrder) (order, error) { panic("oh no") }),
		mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] { panic("oh no") }))
	require.Panics(t, func() { _, _ = mediator.Send(t.Context(), m, placeOrder{}) })
	require.Panics(t, func() {
		for range mediator.Stream(t.Context(), m, count{}) {
		}
	})
	require.Len(t, k.calls, 2)
	for _, c := range k.calls {
		require.ErrorIs(t, c.Err(), mediator.ErrCallOver)
		require.Nil(t, c.Message())
	}
}

// The handles of an inner behavior end with its activation where that can be told.
func TestAnInnerCallEndsWhenItsBehaviorIsCalledAgain(t *testing.T) {
	k := &keeper{}
	attempts := 0
	outer := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		for range 3 {
			if err := next(ctx, c); err != nil {
				return err
			}
			for _, old := range k.calls[:len(k.calls)-1] {
				require.ErrorIs(t, old.Err(), mediator.ErrCallOver)
				require.ErrorIs(t, old.SetResponse(order{ID: "old"}), mediator.ErrCallOver)
				require.ErrorIs(t, k.next(ctx, old), mediator.ErrCallOver)
			}
			require.NoError(t, c.Err())
			require.Equal(t, "x", c.Message().(placeOrder).SKU)
		}
		return nil
	})
	m := newMediator(t, mediator.Use(noop, outer, noop, k, noop), mediator.Handle(func(_ context.Context, q placeOrder) (order, error) {
		attempts++
		return order{Total: attempts}, nil
	}))
	o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
	require.NoError(t, err)
	require.Equal(t, 3, o.Total)
}

func TestAShortCircuitEndsTheInnerCall(t *testing.T) {
	k := &keeper{}
	refuse := true
	gate := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if refuse {
			return errBoom
		}
		return next(ctx, c)
	})
	outer := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		require.ErrorIs(t, next(ctx, c), errBoom)
		require.ErrorIs(t, k.calls[0].Err(), mediator.ErrCallOver)
		require.ErrorIs(t, k.next(ctx, k.calls[0]), mediator.ErrCallOver)
		refuse = false
		return next(ctx, c)
	})
	m := newMediator(t, mediator.Use(outer, k, gate), mediator.Handle(orders{}.Place))
	o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
	require.NoError(t, err)
	require.Equal(t, "x", o.ID)
}

// A handle may be read from other goroutines while the call goes on.
func TestMessageMayBeReadWhileNextIsRunning(t *testing.T) {
	watch := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					if q, ok := c.Message().(placeOrder); !ok || q.SKU != "x" {
						t.Error(q)
					}
					_ = c.Response()
				}
			})
		}
		err := next(ctx, c)
		wg.Wait()
		return err
	})
	m := newMediator(t, mediator.Use(watch, noop, noop), mediator.Handle(orders{}.Place))
	for range 50 {
		o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
		require.NoError(t, err)
		require.Equal(t, "x", o.ID)
	}
}

// A view that ends while another goroutine reads the message must give the call back:
// else its next is refused for good.
func TestAViewMayEndWhileTheMessageIsRead(t *testing.T) {
	watch := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		started, stop := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			close(started)
			for {
				select {
				case <-stop:
					return
				default:
					_ = c.Message()
				}
			}
		})
		<-started
		for range 1000 {
			if err := c.View(func(any) error { runtime.Gosched(); return nil }); err != nil {
				t.Error(err)
				break
			}
		}
		close(stop)
		wg.Wait()
		return next(ctx, c)
	})
	m := newMediator(t, mediator.Use(watch, noop), mediator.Handle(orders{}.Place))
	for range 5 {
		o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
		require.NoError(t, err)
		require.Equal(t, "x", o.ID)
	}
}

func TestAHomemadeTimeoutAroundAStream(t *testing.T) {
	for _, delivered := range []int{0, 3} {
		release, timeout, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		m := newMediator(t, mediator.Use(noop, homemade(timeout, late), noop),
			mediator.HandleStream(func(ctx context.Context, q count) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for i := range delivered {
						if !yield(i, nil) {
							return
						}
					}
					close(timeout)
					if delivered == 0 {
						<-release // takes no notice of its context
					} else {
						<-ctx.Done()
					}
					for yield(99, nil) {
					}
				}
			}))
		var items []int
		var end error
		for item, err := range mediator.Stream(t.Context(), m, count{}) {
			if err != nil {
				end = err
				continue
			}
			items = append(items, item)
		}
		require.ErrorIs(t, end, errTimeout)
		require.Len(t, items, delivered)
		close(release)
		require.ErrorIs(t, <-late, mediator.ErrCallOver)
	}
}

// While the loop body runs on the goroutine that was given up, the stream waits
// for it: the body never runs twice at once.
func TestAStreamWaitsForItsLoopBody(t *testing.T) {
	timeout, late := make(chan struct{}), make(chan error, 2)
	m := newMediator(t, mediator.Use(retry(2), homemade(timeout, late)), mediator.HandleStream(counting))
	inBody, total := 0, 0
	for item, err := range mediator.Stream(t.Context(), m, count{N: 1000}) {
		require.NoError(t, err)
		inBody++
		require.Equal(t, 1, inBody)
		if total++; total == 500 {
			timeout <- struct{}{} // given up while in the body
		}
		_ = item
		inBody--
	}
	require.GreaterOrEqual(t, total, 1500, "500 of the first attempt at least, all of the second")
	<-late
	<-late
}

// giveUp leaves its first next running on a goroutine as soon as started is closed.
func giveUp(started <-chan struct{}, left *sync.WaitGroup) mediator.Behavior {
	first := true
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if !first {
			return next(ctx, c)
		}
		first = false
		left.Go(func() {
			defer func() { _ = recover() }()
			_ = next(ctx, c)
		})
		<-started
		return errTimeout
	})
}

func TestAStreamsLeftBehindRunDoesNotDisturbTheNext(t *testing.T) {
	for _, panics := range []bool{false, true} {
		started, release, runs := make(chan struct{}), make(chan struct{}), 0
		var left sync.WaitGroup
		m := newMediator(t, mediator.Use(retry(2), giveUp(started, &left)), mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				if runs++; runs > 1 {
					for i := 0; i < 100 && yield(i, nil); i++ {
					}
					return
				}
				close(started)
				<-release
				if panics {
					panic("of the run left behind")
				}
			}
		}))
		items := 0
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
			if items++; items == 1 {
				close(release) // it ends while this body runs
				left.Wait()
			}
		}
		require.Equal(t, 100, items)
	}
}

func TestARequestsLeftBehindRunDoesNotDisturbTheNext(t *testing.T) {
	var left sync.WaitGroup
	calls := 0
	odd := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if calls++; calls%2 == 0 {
			return next(ctx, c)
		}
		entered := make(chan struct{})
		left.Go(func() { close(entered); _ = next(ctx, c) })
		<-entered
		for range calls % 64 { // gives up before, while and after next runs
			_ = c.Err()
		}
		return errTimeout
	})
	m := newMediator(t, mediator.Use(retry(2), odd), mediator.Handle(func(_ context.Context, q get[int]) (int, error) { return q.Key, nil }))
	for i := range 20_000 {
		got, err := mediator.Send(t.Context(), m, get[int]{Key: i})
		require.NoError(t, err)
		require.Equal(t, i, got)
	}
	left.Wait()
}

// Two behaviors that give up one after the other, while the body runs.
func TestTheLoopDoesNotEndWhileItsBodyRuns(t *testing.T) {
	innerTimeout, outerTimeout := make(chan struct{}), make(chan struct{})
	late := make(chan error, 2)
	m := newMediator(t, mediator.Use(homemade(outerTimeout, late), homemade(innerTimeout, late)), mediator.HandleStream(counting))
	bodies, ended := 0, false
	for _, err := range mediator.Stream(t.Context(), m, count{N: 5}) {
		if bodies++; bodies == 1 {
			close(innerTimeout)
			close(outerTimeout)
			for range 1000 { // time for both behaviors to give up
				runtime.Gosched()
			}
			ended = true
			continue
		}
		require.ErrorIs(t, err, errTimeout)
	}
	require.True(t, ended, "the body had returned when the loop ended")
	require.Equal(t, 2, bodies, "one item and the error")
	for range 2 {
		<-late
	}
}

func TestAnInnerBehaviorsCallEndsWhenItReturns(t *testing.T) {
	k := &keeper{}
	runs := 0
	outer := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		err := next(ctx, c)
		late := k.calls[len(k.calls)-1]
		require.ErrorIs(t, late.Err(), mediator.ErrCallOver)
		require.Nil(t, late.Message())
		require.Nil(t, late.Response())
		require.ErrorIs(t, late.SetResponse(order{ID: "late"}), mediator.ErrCallOver)
		require.ErrorIs(t, k.next(ctx, late), mediator.ErrCallOver)
		_, forked := late.Fork()
		require.ErrorIs(t, forked, mediator.ErrCallOver)
		require.NoError(t, c.Err())
		require.Equal(t, "x", c.Response().(order).ID)
		return err
	})
	for _, inner := range []int{0, 2} {
		m := newMediator(t, mediator.Use(noop, outer, noop, k), mediator.Use(noops(inner)...), mediator.Handle(func(_ context.Context, q placeOrder) (order, error) {
			runs++
			return order{ID: q.SKU}, nil
		}), mediator.HandleCommand(func(context.Context, cancelOrder) error { return nil }))
		for range 3 {
			o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
			require.NoError(t, err)
			require.Equal(t, "x", o.ID)
		}
	}
	require.Equal(t, 6, runs)
}

// Behaviors that promise to keep no Call share one with the behavior outside of
// them, which ends with that.
func TestAScopedCallEndsWithThatOfTheBehaviorOutside(t *testing.T) {
	for name, promise := range map[string]bool{"promised": true, "not promised": false} {
		t.Run(name, func(t *testing.T) {
			var kept mediator.Call
			var got []error
			b := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				kept = c
				return next(ctx, c)
			})
			if promise {
				b = scoped{b}
			}
			look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				err := next(ctx, c)
				got = append(got, kept.Err())
				return err
			})
			m := newMediator(t, mediator.Use(look, look, b), mediator.Handle(func(context.Context, get[int]) (int, error) { return 1, nil }))
			_, err := mediator.Send(t.Context(), m, get[int]{})
			require.NoError(t, err)
			if promise {
				require.NoError(t, got[0], "inside of the behavior whose Call it shares")
			} else {
				require.ErrorIs(t, got[0], mediator.ErrCallOver)
			}
			require.ErrorIs(t, got[1], mediator.ErrCallOver)
			require.ErrorIs(t, kept.Err(), mediator.ErrCallOver)
		})
	}
}

// A look at the message is one's own while it lasts.
func TestOneLookAtATime(t *testing.T) {
	look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		err := c.View(func(any) error {
			require.ErrorIs(t, c.View(func(any) error { panic("a second look") }), mediator.ErrNextRunning)
			require.ErrorIs(t, next(ctx, c), mediator.ErrNextRunning)
			require.Equal(t, get[int]{Key: 2}, c.Message())
			return nil
		})
		return errors.Join(err, next(ctx, c))
	})
	m := newMediator(t, mediator.Use(look), mediator.Handle(func(_ context.Context, q get[int]) (int, error) { return q.Key, nil }))
	n, err := mediator.Send(t.Context(), m, get[int]{Key: 2})
	require.NoError(t, err)
	require.Equal(t, 2, n)
}
