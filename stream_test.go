package mediator_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// collect ranges over items and returns what came, the error apart.
func collect[T any](t *testing.T, items iter.Seq2[T, error]) (got []T, end error) {
	t.Helper()
	for item, err := range items {
		require.NoError(t, end, "the error comes last and once")
		if err != nil {
			require.Zero(t, item)
			end = err
			continue
		}
		got = append(got, item)
	}
	return got, end
}

func TestStreamDeliversEveryItemInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		m := newMediator(t, mediator.Use(noops(n)...), mediator.HandleStream(counting))
		items := mediator.Stream(t.Context(), m, count{N: 4})
		for range 2 { // each range is a run of its own
			got, err := collect(t, items)
			require.NoError(t, err)
			require.Equal(t, []int{0, 1, 2, 3}, got)
		}
	}
}

func TestStreamIsLazy(t *testing.T) {
	runs := 0
	m := newMediator(t, mediator.HandleStream(func(ctx context.Context, q count) iter.Seq2[int, error] {
		runs++
		return counting(ctx, q)
	}))
	items := mediator.Stream(t.Context(), m, count{N: 1})
	require.Zero(t, runs)
	for range items {
	}
	for range items {
	}
	require.Equal(t, 2, runs)
}

func TestStreamByDynamicType(t *testing.T) {
	m := newMediator(t, mediator.HandleStream(counting), mediator.Handle(orders{}.Place))
	var q mediator.StreamRequest[int] = count{N: 2}
	got, err := collect(t, mediator.Stream(t.Context(), m, q))
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, got)
	q = nil
	_, err = collect(t, mediator.Stream(t.Context(), m, q))
	require.ErrorIs(t, err, mediator.ErrMessageType)
}

// both is a request and a stream request, handled as one of them.
type both struct {
	mediator.Returns[int]
	mediator.Yields[int]
}

func TestSendToAStreamAndStreamOfARequestSayWhatToUse(t *testing.T) {
	m := newMediator(t, mediator.HandleStream(func(context.Context, both) iter.Seq2[int, error] { return nil }))
	_, err := mediator.Send(t.Context(), m, both{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorContains(t, err, "its handler is a stream handler mediator_test.TestSendToAStreamAndStreamOfARequestSayWhatToUse.func1, which gives int: use Stream")
	m = newMediator(t, mediator.Handle(func(context.Context, both) (int, error) { return 1, nil }))
	_, err = collect(t, mediator.Stream(t.Context(), m, both{}))
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorContains(t, err, "its handler is a request handler mediator_test.TestSendToAStreamAndStreamOfARequestSayWhatToUse.func2, which gives int: use Send")
}

func TestANilSequenceIsAnError(t *testing.T) {
	m := newMediator(t, mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] { return nil }))
	_, err := collect(t, mediator.Stream(t.Context(), m, count{}))
	require.ErrorContains(t, err, "nil sequence")
}

func TestTheHandlersErrorEndsTheStream(t *testing.T) {
	goesOn := false
	m := newMediator(t, mediator.Use(noop), mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			yield(1, nil)
			goesOn = yield(2, errBoom)
		}
	}))
	got, err := collect(t, mediator.Stream(t.Context(), m, count{}))
	require.Equal(t, errBoom, err, "as it is")
	require.Equal(t, []int{1}, got, "an item that comes with an error is not delivered")
	require.False(t, goesOn)
}

// endless yields for ever; what it saw at its end is written to the pointers.
func endless(ended *error, returned *bool) func(context.Context, count) iter.Seq2[int, error] {
	return func(ctx context.Context, _ count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer func() { *ended, *returned = ctx.Err(), true }()
			for i := 0; yield(i, nil); i++ {
			}
		}
	}
}

// Fault of the system reimplemented here: a consumer that stops early leaves
// pumps running for ever.
func TestFault3AnEarlyBreakEndsTheHandler(t *testing.T) {
	for _, n := range []int{0, 2} {
		var after error
		var returned bool
		var ctx context.Context
		m := newMediator(t, mediator.Use(noops(n)...), mediator.HandleStream(func(c context.Context, q count) iter.Seq2[int, error] {
			ctx = c
			return endless(&after, &returned)(c, q)
		}))
		for item, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
			if item == 3 {
				break
			}
		}
		require.True(t, returned)
		require.ErrorIs(t, ctx.Err(), context.Canceled, "the handler's context is cancelled")
		require.NoError(t, t.Context().Err())
	}
}

func TestTheContextIsCancelledBeforeTheHandlerLearnsOfTheStop(t *testing.T) {
	m := newMediator(t, mediator.Use(noop), mediator.HandleStream(func(ctx context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			helper := make(chan struct{})
			go func() {
				defer close(helper)
				<-ctx.Done()
			}()
			var err error
			if q.N > 0 {
				err = errBoom
			}
			for yield(1, err) {
			}
			<-helper
		}
	}))
	for range mediator.Stream(t.Context(), m, count{}) {
		break
	}
	_, err := collect(t, mediator.Stream(t.Context(), m, count{N: 1}))
	require.Equal(t, errBoom, err)
}

func TestAHandlerThatIgnoresTheStopIsEnded(t *testing.T) {
	deferred := 0
	ignorant := func(ctx context.Context, _ count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer func() { deferred++ }()
			for i := 0; ; i++ {
				yield(i, nil)
			}
		}
	}
	m := newMediator(t, mediator.Use(noop), mediator.HandleStream(ignorant))
	for item := range mediator.Stream(t.Context(), m, count{}) {
		if item == 3 {
			break
		}
	}
	require.Equal(t, 1, deferred)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range mediator.Stream(ctx, m, count{}) {
		if n++; n == 5 {
			cancel()
		}
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
	require.Equal(t, 6, n)
	require.Equal(t, 2, deferred)
}

func TestAPanicWhileBeingEndedIsNotSwallowed(t *testing.T) {
	m := newMediator(t, mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer func() { panic("in a deferred function") }()
			for {
				yield(0, nil)
			}
		}
	}))
	require.PanicsWithValue(t, "in a deferred function", func() {
		for range mediator.Stream(t.Context(), m, count{}) {
			break
		}
	})
}

// Fault of the system reimplemented here: a handler's cancellation is swallowed,
// so a cut-off stream looks complete.
func TestFault9ACutOffStreamNeverLooksComplete(t *testing.T) {
	inner, cancelInner := context.WithCancel(t.Context())
	cancelInner()
	handlers := map[string]func(context.Context, count) iter.Seq2[int, error]{
		"takes no notice": func(ctx context.Context, q count) iter.Seq2[int, error] { return counting(ctx, count{N: 1 << 30}) },
		"returns in silence": func(ctx context.Context, _ count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; ctx.Err() == nil && yield(i, nil); i++ {
				}
			}
		},
		"yields ctx.Err()": func(ctx context.Context, _ count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; ; i++ {
					if err := ctx.Err(); err != nil {
						yield(0, err)
						return
					}
					if !yield(i, nil) {
						return
					}
				}
			}
		},
		"as a channel": nil,
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			opt := mediator.HandleStream(h)
			if h == nil {
				opt = mediator.HandleStreamChan(func(ctx context.Context, _ count, out chan<- int) error {
					for i := 0; ; i++ {
						select {
						case out <- i:
						case <-ctx.Done():
							return nil
						}
					}
				})
			}
			for _, n := range []int{0, 2} {
				m := newMediator(t, mediator.Use(noops(n)...), opt)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				items := 0
				var end error
				for _, err := range mediator.Stream(ctx, m, count{}) {
					if err != nil {
						end = err
						continue
					}
					if items++; items == 3 {
						cancel(errBoom)
					}
				}
				require.Equal(t, 3, items, "the stream ends at the next item")
				require.ErrorIs(t, end, context.Canceled)
				require.ErrorIs(t, end, errBoom, "the cause")
			}
		})
	}
	m := newMediator(t, mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(0, inner.Err()) }
	}))
	_, err := collect(t, mediator.Stream(t.Context(), m, count{}))
	require.ErrorIs(t, err, context.Canceled, "the handler's own cancellation")
}

func TestAStreamUnderACancelledContextDoesNotStart(t *testing.T) {
	m := newMediator(t, mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
		t.Error("the handler must not run")
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := collect(t, mediator.Stream(ctx, m, count{}))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, got)
}

func TestABehaviorsTimeoutEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timeout := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errTimeout)
			defer cancel()
			return next(ctx, c)
		})
		m := newMediator(t, mediator.HandleStream(counting, mediator.Use(timeout)))
		n := 0
		var end error
		for _, err := range mediator.Stream(t.Context(), m, count{N: 100}) {
			if end = err; err == nil {
				n++
				time.Sleep(time.Second)
			}
		}
		require.ErrorIs(t, end, context.DeadlineExceeded)
		require.ErrorIs(t, end, errTimeout)
		require.InDelta(t, 10, n, 1)
	})
}

func TestPanicsAndGoexitOfAStreamsHandler(t *testing.T) {
	m := newMediator(t, mediator.Use(noop), mediator.HandleStream(func(_ context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			yield(1, nil)
			if q.N == 0 {
				panic("oh no")
			}
			runtime.Goexit()
		}
	}))
	require.PanicsWithValue(t, "oh no", func() {
		for range mediator.Stream(t.Context(), m, count{}) {
		}
	})
	done := make(chan bool)
	go func() {
		defer close(done)
		for range mediator.Stream(context.Background(), m, count{N: 1}) {
		}
		done <- true
	}()
	require.False(t, <-done)
}

// A behavior that recovers must not catch what the consumer panics with.
func TestThePanicOfTheLoopBodyIsTheConsumers(t *testing.T) {
	recoverInHandler := func(ctx context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			func() {
				defer func() { _ = recover() }()
				yield(1, nil)
			}()
			yield(2, nil)
		}
	}
	for name, bs := range map[string][]mediator.Behavior{"alone": nil, "recovering": {recovering}, "retrying": {retry(3), noop, recovering, noop}} {
		t.Run(name, func(t *testing.T) {
			bodies, consumers := 0, false
			look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				defer func() { consumers = c.Stopped() }()
				return next(ctx, c)
			})
			m := newMediator(t, mediator.Use(append(bs, look)...), mediator.HandleStream(counting))
			require.PanicsWithValue(t, "of the consumer", func() {
				for range mediator.Stream(t.Context(), m, count{N: 5}) {
					bodies++
					panic("of the consumer")
				}
			})
			require.Equal(t, 1, bodies)
			require.True(t, consumers)
		})
	}
	m := newMediator(t, mediator.HandleStream(recoverInHandler))
	bodies := 0
	require.Panics(t, func() {
		for range mediator.Stream(t.Context(), m, count{}) {
			bodies++
			panic("of the consumer")
		}
	})
	require.Equal(t, 1, bodies, "the body is not run again")

	done := make(chan int) // Goexit of the body, as of t.FailNow
	m = newMediator(t, mediator.Use(recovering), mediator.HandleStream(counting))
	go func() {
		n := 0
		defer func() { done <- n }()
		for range mediator.Stream(context.Background(), m, count{N: 5}) {
			n++
			runtime.Goexit()
		}
	}()
	require.Equal(t, 1, <-done)
}

func TestStoppedTellsWhosePanicItIs(t *testing.T) {
	var stopped []bool
	look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		defer func() { stopped = append(stopped, c.Stopped()) }()
		return next(ctx, c)
	})
	m := newMediator(t, mediator.Use(look), mediator.HandleStream(func(_ context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer func() {
				if q.N > 0 {
					panic("of the handler")
				}
			}()
			for yield(1, nil) {
			}
		}
	}))
	require.PanicsWithValue(t, "of the handler", func() {
		for range mediator.Stream(t.Context(), m, count{N: 1}) {
			break
		}
	})
	require.PanicsWithValue(t, "of the consumer", func() {
		for range mediator.Stream(t.Context(), m, count{}) {
			panic("of the consumer")
		}
	})
	for range mediator.Stream(t.Context(), m, count{}) {
		break
	}
	require.Equal(t, []bool{false, true, true}, stopped)
}

func TestBehaviorsAroundAStream(t *testing.T) {
	attempts := 0
	m := newMediator(t, mediator.Use(retry(3)), mediator.HandleStream(func(context.Context, count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			if attempts++; attempts < 3 {
				yield(0, errBoom)
				return
			}
			yield(attempts, nil)
		}
	}))
	got, err := collect(t, mediator.Stream(t.Context(), m, count{}))
	require.NoError(t, err)
	require.Equal(t, []int{3}, got)

	var outcome error
	stopped := false
	see := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		require.False(t, c.Stopped())
		outcome = next(ctx, c)
		stopped = c.Stopped()
		if outcome == nil {
			outcome = next(ctx, c) // nobody listens any more: nothing runs
		}
		return errBoom
	})
	runs := 0
	m = newMediator(t, mediator.Use(see), mediator.HandleStream(func(ctx context.Context, q count) iter.Seq2[int, error] {
		runs++
		return counting(ctx, q)
	}))
	for _, err := range mediator.Stream(t.Context(), m, count{N: 5}) {
		require.NoError(t, err, "nothing is delivered after a break, not even an error")
		break
	}
	require.NoError(t, outcome, "a consumer that has enough is no failure")
	require.True(t, stopped)
	require.Equal(t, 1, runs)

	refuse := mediator.Around(func(context.Context, mediator.Call, mediator.Next) error { return errBoom })
	m = newMediator(t, mediator.Use(noop, refuse), mediator.HandleStream(counting))
	got, err = collect(t, mediator.Stream(t.Context(), m, count{N: 5}))
	require.Equal(t, errBoom, err)
	require.Empty(t, got)
}

func TestOnItemSeesEachItemOfItsRun(t *testing.T) {
	var order []string
	var counts []int
	tap := func(name string) mediator.Behavior {
		return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			n := 0
			err := next(ctx, c.OnItem(func() { n++; order = append(order, name) }))
			counts = append(counts, n)
			return err
		})
	}
	m := newMediator(t, mediator.Use(tap("outer"), retry(2), tap("inner")), mediator.Handle(place1),
		mediator.HandleStream(func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for range 2 {
					yield(1, nil)
				}
				if q.N++; len(counts) == 0 {
					yield(0, errBoom)
				}
			}
		}))
	got, err := collect(t, mediator.Stream(t.Context(), m, count{}))
	require.NoError(t, err)
	require.Len(t, got, 4)
	require.Equal(t, []int{2, 2, 4}, counts, "both runs of the inner one, then the outer one")
	require.Equal(t, []string{"inner", "outer", "inner", "outer", "inner", "outer", "inner", "outer"}, order)

	_, err = mediator.Send(t.Context(), m, placeOrder{})
	require.NoError(t, err, "on a request it does nothing")
}

func TestStreamWithIterPull(t *testing.T) {
	var ended error
	var returned bool
	m := newMediator(t, mediator.Use(noop), mediator.HandleStream(endless(&ended, &returned)))
	next, stop := iter.Pull2(mediator.Stream(t.Context(), m, count{}))
	for want := range 3 {
		item, err, ok := next()
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, want, item)
	}
	stop()
	require.True(t, returned)
	_, _, ok := next()
	require.False(t, ok)
}

func TestNestedStreams(t *testing.T) {
	var m *mediator.Mediator
	m = newMediator(t, mediator.Use(noop), mediator.HandleStream(func(ctx context.Context, q count) iter.Seq2[int, error] {
		if q.N == 0 {
			return func(yield func(int, error) bool) { yield(0, errors.New("bottom")) }
		}
		return func(yield func(int, error) bool) {
			if !yield(q.N, nil) {
				return
			}
			for item, err := range mediator.Stream(ctx, m, count{N: q.N - 1}) {
				if !yield(item, err) {
					return
				}
			}
		}
	}))
	got, err := collect(t, mediator.Stream(t.Context(), m, count{N: 4}))
	require.EqualError(t, err, "bottom")
	require.Equal(t, []int{4, 3, 2, 1}, got)
}
