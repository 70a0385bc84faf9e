package natsmediator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

type countHandler = func(context.Context, count) iter.Seq2[int, error]

// streamed returns a mediator whose count is handled by h, through NATS.
func streamed(t testing.TB, h countHandler, opts ...natsmediator.RemoteOption) *mediator.Mediator {
	t.Helper()
	n := embed(t)
	serve(t, wired(t, mediator.HandleStream(h)), n)
	return wired(t, natsmediator.RemoteStream[count](n, "shop", opts...))
}

// collect returns the items of a stream, and its error.
func collect[T any](items iter.Seq2[T, error]) (all []T, err error) {
	for item, e := range items {
		if e != nil {
			return all, e
		}
		all = append(all, item)
	}
	return all, nil
}

func TestStreamIsCompleteAndInOrder(t *testing.T) {
	for _, opts := range [][]natsmediator.RemoteOption{nil, {natsmediator.Window(1)}, {natsmediator.Encoding("application/octet-stream"), natsmediator.Window(3)}} {
		n := embed(t)
		type sized struct {
			mediator.Yields[int64]
			N int64
		}
		serve(t, wired(t, mediator.HandleStream(func(_ context.Context, q sized) iter.Seq2[int64, error] {
			return func(yield func(int64, error) bool) {
				for i := range q.N {
					if !yield(i, nil) {
						return
					}
				}
			}
		})), n)
		m := wired(t, natsmediator.RemoteStream[sized](n, "shop", opts...))
		for _, want := range []int64{0, 1, 2, 63, 64, 65, 128, 1000, 20_000} {
			next := int64(0)
			for i, err := range mediator.Stream(t.Context(), m, sized{N: want}) {
				require.NoError(t, err)
				require.Equal(t, next, i)
				next++
			}
			require.Equal(t, want, next)
		}
	}
}

func TestStreamEndsWithTheHandlersError(t *testing.T) {
	n := embed(t, natsmediator.ErrorCode("out_of_stock", errOutOfStock))
	serve(t, wired(t, mediator.HandleStream(func(_ context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range q.From {
				if !yield(i, nil) {
					return
				}
			}
			switch q.To {
			case -1:
				panic("on fire")
			case -2:
				runtime.Goexit()
			default:
				yield(0, errOutOfStock)
			}
		}
	})), n)
	m := wired(t, natsmediator.RemoteStream[count](n, "shop"))
	for _, items := range []int{0, 1, 64, 100} {
		all, err := collect(mediator.Stream(t.Context(), m, count{From: items}))
		require.ErrorIs(t, err, errOutOfStock)
		require.Len(t, all, items, "what came before the error is delivered")

		all, err = collect(mediator.Stream(t.Context(), m, count{From: items, To: -1}))
		p, ok := errors.AsType[*mediator.PanicError](err)
		require.True(t, ok)
		require.Equal(t, "on fire", p.Value)
		require.Len(t, all, items)

		all, err = collect(mediator.Stream(t.Context(), m, count{From: items, To: -2}))
		require.ErrorIs(t, err, mediator.ErrGoexit)
		require.Len(t, all, items)
	}
}

// endless yields until it is stopped, and says then why.
func endless(ended chan<- error) countHandler {
	return func(ctx context.Context, _ count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer func() { ended <- context.Cause(ctx) }()
			for i := 0; yield(i, nil); i++ {
			}
		}
	}
}

func TestConsumerThatLeavesEndsTheHandler(t *testing.T) {
	ended := make(chan error, 1)
	m := streamed(t, endless(ended))
	within := func(t *testing.T) {
		select {
		case err := <-ended:
			require.ErrorIs(t, err, context.Canceled)
		case <-time.After(patience):
			require.Fail(t, "the handler goes on")
		}
	}
	t.Run("break", func(t *testing.T) {
		for i, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
			if i == 1000 {
				break
			}
		}
		within(t)
	})
	t.Run("break at the first item", func(t *testing.T) {
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			require.NoError(t, err)
			break
		}
		within(t)
	})
	t.Run("panic", func(t *testing.T) {
		require.PanicsWithValue(t, "loop", func() {
			for range mediator.Stream(t.Context(), m, count{}) {
				panic("loop")
			}
		})
		within(t)
	})
	t.Run("cancel", func(t *testing.T) {
		why := errors.New("seen enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var last error
		for i, err := range mediator.Stream(ctx, m, count{}) {
			if i == 100 {
				cancel(why)
			}
			last = err
		}
		require.ErrorIs(t, last, context.Canceled)
		require.ErrorIs(t, last, why)
		within(t)
	})
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := collect(mediator.Stream(ctx, m, count{}))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		select {
		case err := <-ended:
			require.Error(t, err) // its own deadline, or the consumer's word
		case <-time.After(patience):
			require.Fail(t, "the handler goes on")
		}
	})
}

func TestConsumerThatLeavesEndsAHandlerThatWaits(t *testing.T) {
	ended := make(chan error, 1)
	m := streamed(t, func(ctx context.Context, _ count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			yield(1, nil)
			<-ctx.Done()
			ended <- context.Cause(ctx)
		}
	})
	for range mediator.Stream(t.Context(), m, count{}) {
		break
	}
	select {
	case err := <-ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(time.Second):
		require.Fail(t, "the handler's context was not cancelled within a second")
	}
}

func TestNoItemWaitsForAFullFrame(t *testing.T) {
	var more [5]chan struct{}
	for i := range more {
		more[i] = make(chan struct{})
	}
	m := streamed(t, func(ctx context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := 0; ; {
				select {
				case <-more[q.To]:
				case <-ctx.Done():
					return
				}
				for range q.From {
					if !yield(i, nil) {
						return
					}
					i++
				}
			}
		}
		// A long heartbeat: it is not what moves the items along.
	}, natsmediator.Heartbeat(time.Minute))
	for run, burst := range []int{1, 2, 7, 64, 70} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		go func() { more[run] <- struct{}{} }()
		got := 0
		for _, err := range mediator.Stream(ctx, m, count{From: burst, To: run}) {
			require.NoError(t, err)
			if got++; got == 5*burst {
				break
			}
			if got%burst == 0 { // only once all of a burst has come, there is another
				more[run] <- struct{}{}
			}
		}
		cancel()
	}
}

func TestSlowConsumerPausesTheProducer(t *testing.T) {
	const window = 2
	var produced atomic.Int64
	m := streamed(t, func(_ context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range q.To {
				produced.Add(1)
				if !yield(i, nil) {
					return
				}
			}
		}
	}, natsmediator.Window(window))
	// On their way: the window, the frame in the loop body, the one being filled.
	const ahead = (window + 2) * 64
	release := make(chan struct{})
	next := 0
	for i, err := range mediator.Stream(t.Context(), m, count{To: 10_000}) {
		require.NoError(t, err)
		require.Equal(t, next, i)
		if next++; next == 500 {
			go func() {
				defer close(release)
				standsStill(&produced)
			}()
			<-release
		}
		require.LessOrEqual(t, produced.Load()-int64(next), int64(ahead))
	}
	require.Equal(t, 10_000, next)
}

// TestMillionItemsThroughASlowConsumer has a consumer that now and then does nothing
// until its producer can do nothing either. What is held then is what the window
// allows: all items would be 36 MB.
func TestMillionItemsThroughASlowConsumer(t *testing.T) {
	const items, ahead, room = 1_000_000, (natsmediator.DefaultWindow + 2) * 64, 8 << 20
	var produced atomic.Int64
	n := embed(t)
	serve(t, wired(t, mediator.HandleStream(func(ctx context.Context, q quotes) iter.Seq2[quote, error] {
		return func(yield func(quote, error) bool) {
			for item, err := range manyQuotes(ctx, q) {
				produced.Add(1)
				if !yield(item, err) {
					return
				}
			}
		}
	})), n)
	m := wired(t, natsmediator.RemoteStream[quotes](n, "shop", natsmediator.Encoding("application/octet-stream")))
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	next := int64(0)
	for item, err := range mediator.Stream(t.Context(), m, quotes{N: items}) {
		if err != nil || item.ID != uint64(next) {
			require.NoError(t, err)
			require.EqualValues(t, next, item.ID)
		}
		if next++; next%50_000 == 0 {
			standsStill(&produced)
			require.LessOrEqual(t, produced.Load()-next, int64(ahead))
			require.Less(t, heap(), before+room, "memory is flat")
		}
	}
	require.EqualValues(t, items, next)
}

// standsStill returns when n has not changed for a while.
func standsStill(n *atomic.Int64) {
	for had, still := n.Load(), 0; still < 20; still++ {
		if now := n.Load(); now != had {
			had, still = now, 0
		}
		runtime.Gosched()
	}
}

func TestLargeItems(t *testing.T) {
	type texts struct {
		mediator.Yields[string] `json:"-"`
		Sizes                   []int
	}
	n := embed(t)
	serve(t, wired(t, mediator.HandleStream(func(_ context.Context, q texts) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for _, size := range q.Sizes {
				if !yield(strings.Repeat("x", size), nil) {
					return
				}
			}
		}
	})), n)
	m := wired(t, natsmediator.RemoteStream[texts](n, "shop", natsmediator.Window(1)))
	sizes := []int{1, 40_000, 0, 32 << 10, 32<<10 - 20, 5, 900_000, 900_000, 100}
	all, err := collect(mediator.Stream(t.Context(), m, texts{Sizes: sizes}))
	require.NoError(t, err)
	for i, size := range sizes {
		require.Len(t, all[i], size)
	}
	all, err = collect(mediator.Stream(t.Context(), m, texts{Sizes: []int{1, 2, 1 << 20, 3}}))
	require.ErrorIs(t, err, natsmediator.ErrTooLarge)
	require.ErrorContains(t, err, "an item of 1048578 bytes is larger than the server's limit of 1048576 bytes")
	require.Len(t, all, 2)
	_, err = collect(mediator.Stream(t.Context(), m, texts{Sizes: make([]int, 1<<20)}))
	require.ErrorIs(t, err, natsmediator.ErrTooLarge, "the request")
}

func TestStreamWithoutAServiceIsNoHandler(t *testing.T) {
	m := wired(t, natsmediator.RemoteStream[count](embed(t), "shop", natsmediator.Heartbeat(time.Minute)))
	_, err := collect(mediator.Stream(t.Context(), m, count{To: 5}))
	require.ErrorIs(t, err, mediator.ErrNoHandler)
}

func TestStreamsAreBounded(t *testing.T) {
	n := embed(t)
	ended := make(chan error, 2)
	serve(t, wired(t, mediator.HandleStream(endless(ended))), n, natsmediator.Streams(1))
	m := wired(t, natsmediator.RemoteStream[count](n, "shop"))
	for i, err := range mediator.Stream(t.Context(), m, count{}) {
		require.NoError(t, err)
		if i == 3 {
			_, err := collect(mediator.Stream(t.Context(), m, count{}))
			require.ErrorIs(t, err, behaviors.ErrFull)
			break
		}
	}
	<-ended
	require.Eventually(t, func() bool {
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			return err == nil
		}
		return false
	}, patience, time.Millisecond, "there is room again")
}

// TestServiceCloseEndsStreamsAtOnce has an instance closed under a stream without end,
// whose consumer goes on with the next instance.
func TestServiceCloseEndsStreamsAtOnce(t *testing.T) {
	n := embed(t)
	ended := make(chan error, 2)
	handler := wired(t, mediator.HandleStream(endless(ended)))
	first := serve(t, handler, n)
	var reason error
	m := wired(t, natsmediator.RemoteStream[count](n, "shop", natsmediator.Use(behaviors.Retry(behaviors.RetryConfig{
		Delay: time.Microsecond, Stream: behaviors.SkipDelivered,
		OnRetry: func(_ context.Context, e behaviors.RetryEvent) {
			if reason == nil {
				reason = e.Err
				serve(t, handler, n)
			}
		},
	}))))
	closed := make(chan error, 1)
	next := 0
	for i, err := range mediator.Stream(t.Context(), m, count{}) {
		require.NoError(t, err)
		require.Equal(t, next, i)
		next++
		if i == 100 {
			go func() { closed <- first.Close(t.Context()) }()
		}
		if reason != nil && i > 100_000 {
			break
		}
	}
	require.NoError(t, <-closed, "without waiting for the end of its context, which never comes")
	require.ErrorIs(t, reason, natsmediator.ErrConnection)
	require.ErrorContains(t, reason, "the service's instance is being closed")
	require.NotErrorIs(t, reason, mediator.ErrClosed)
	require.ErrorIs(t, <-ended, natsmediator.ErrConnection, "the handler is told")
}

// TestServiceClosesAtTheEndOfAStream has the service closed when the handler has
// yielded all and what stands around it has not returned: the stream is whole if the
// window has room for the rest, and an error if not.
func TestServiceClosesAtTheEndOfAStream(t *testing.T) {
	for name, c := range map[string]struct {
		window, items, want int
		err                 error
	}{
		"room":    {window: 128, items: 300, want: 300},
		"no room": {window: 1, items: 10, want: 1, err: natsmediator.ErrConnection},
	} {
		t.Run(name, func(t *testing.T) {
			n := embed(t, natsmediator.ServerOptions(noSync))
			yielded := make(chan struct{})
			s := serve(t, wired(t, mediator.HandleStream(counted, mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				err := next(ctx, c)
				close(yielded)
				<-ctx.Done()
				return err
			})))), n)
			m := wired(t, natsmediator.RemoteStream[count](n, "shop", natsmediator.Window(c.window)))
			got, last := 0, error(nil)
			for _, err := range mediator.Stream(t.Context(), m, count{To: c.items}) {
				if last = err; err != nil {
					break
				}
				if got++; got == 1 {
					<-yielded
					require.NoError(t, s.Close(t.Context()))
				}
			}
			require.Equal(t, c.want, got)
			require.ErrorIs(t, last, c.err)
		})
	}
}

func TestConsumersNodeClosesUnderAStream(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	ended := make(chan error, 1)
	serve(t, wired(t, mediator.HandleStream(endless(ended))), n)
	other, err := natsmediator.Connect(n.URL())
	require.NoError(t, err)
	m := wired(t, natsmediator.RemoteStream[count](other, "shop"))
	var last error
	for i, err := range mediator.Stream(t.Context(), m, count{}) {
		if last = err; i == 100 {
			require.NoError(t, other.Close(t.Context()))
		}
	}
	require.ErrorIs(t, last, mediator.ErrClosed)
	require.Error(t, <-ended)
}

func TestServerGoesAwayUnderAStream(t *testing.T) {
	n, err := natsmediator.Embed(t.TempDir(), natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	ended := make(chan error, 1)
	far := connect(t, n)
	serve(t, wired(t, mediator.HandleStream(endless(ended))), far)
	m := wired(t, natsmediator.RemoteStream[count](connect(t, n), "shop", natsmediator.Heartbeat(50*time.Millisecond)))
	var last error
	for i, err := range mediator.Stream(t.Context(), m, count{}) {
		if last = err; i == 100 {
			require.NoError(t, n.Close(t.Context()))
		}
	}
	require.ErrorIs(t, last, natsmediator.ErrConnection, "not an end")
	require.ErrorIs(t, <-ended, natsmediator.ErrConnection)
}

func TestStreamsAtTheSameTime(t *testing.T) {
	m := streamed(t, counted, natsmediator.Window(2))
	results := make(chan error, 20)
	for k := range 20 {
		go func() {
			all, err := collect(mediator.Stream(t.Context(), m, count{From: k, To: k + 2000}))
			if err == nil && (len(all) != 2000 || all[0] != k || all[1999] != k+1999) {
				err = fmt.Errorf("%d items from %d", len(all), k)
			}
			results <- err
		}()
	}
	for range 20 {
		require.NoError(t, <-results)
	}
}
