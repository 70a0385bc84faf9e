package natsmediator_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestTooLarge(t *testing.T) {
	m := remotely(t, func(_ context.Context, q place) (order, error) {
		return order{SKU: strings.Repeat("x", q.Qty)}, nil
	})
	_, err := mediator.Send(t.Context(), m, place{SKU: strings.Repeat("x", 1<<20)})
	require.ErrorIs(t, err, natsmediator.ErrTooLarge)
	require.ErrorIs(t, err, nats.ErrMaxPayload)
	require.ErrorContains(t, err, "the request of 1048594 bytes is larger than the server's limit of 1048576 bytes")
	_, err = mediator.Send(natsmediator.WithTrace(t.Context(), natsmediator.Trace{Parent: strings.Repeat("0", 1<<20)}), m, place{})
	require.ErrorIs(t, err, natsmediator.ErrTooLarge)
	require.ErrorContains(t, err, "with headers of 1048", "it is not the request")

	_, err = mediator.Send(t.Context(), m, place{Qty: 1 << 20})
	require.ErrorIs(t, err, natsmediator.ErrTooLarge)
	require.ErrorContains(t, err, "the response of 1048596 bytes is larger than the server's limit of 1048576 bytes")

	o, err := mediator.Send(t.Context(), m, place{Qty: 1 << 19})
	require.NoError(t, err)
	require.Len(t, o.SKU, 1<<19)
}

func TestConcurrencyIsBounded(t *testing.T) {
	const limit, queue, callers = 3, 4, 20
	n := embed(t)
	var running, most atomic.Int64
	release := make(chan struct{})
	serve(t, wired(t, mediator.Handle(func(context.Context, place) (order, error) {
		now := running.Add(1)
		for had := most.Load(); now > had && !most.CompareAndSwap(had, now); had = most.Load() {
		}
		<-release
		running.Add(-1)
		return order{}, nil
	})), n, natsmediator.Concurrency(limit), natsmediator.Queue(queue))
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	results := make(chan error, callers)
	for range callers {
		go func() {
			_, err := mediator.Send(t.Context(), m, place{})
			results <- err
		}()
	}
	for range callers - limit - queue {
		require.ErrorIs(t, <-results, behaviors.ErrFull)
	}
	close(release)
	for range limit + queue {
		require.NoError(t, <-results)
	}
	require.EqualValues(t, limit, most.Load())
	_, err := mediator.Send(t.Context(), m, place{})
	require.NoError(t, err, "there is room again")
}

func TestWaitingRequestWhoseTimeIsUpDoesNotRun(t *testing.T) {
	n := embed(t)
	release := make(chan struct{})
	began := make(chan string, 4)
	s := serve(t, wired(t, mediator.Handle(func(_ context.Context, q place) (order, error) {
		began <- q.SKU
		<-release
		return order{}, nil
	})), n, natsmediator.Concurrency(1))
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	var callers sync.WaitGroup
	callers.Go(func() { _, _ = mediator.Send(t.Context(), m, place{SKU: "first"}) })
	require.Equal(t, "first", <-began)

	nc := rawConn(t, n)
	inbox := nc.NewInbox()
	replies, err := nc.SubscribeSync(inbox)
	require.NoError(t, err)
	msg := nats.NewMsg(natsmediator.Subject("mediator", "shop", "shop.Place", 1))
	msg.Reply, msg.Data = inbox, []byte(`{"SKU":"second"}`)
	msg.Header.Set("Mediator-Timeout", "0")
	require.NoError(t, nc.PublishMsg(msg))
	require.NoError(t, nc.Flush())

	close(release)
	reply, err := replies.NextMsg(patience)
	require.NoError(t, err)
	require.Equal(t, "deadline_exceeded", reply.Header.Get("Nats-Service-Error-Code"))
	require.Contains(t, string(reply.Data), "before it was this request's turn")
	require.NoError(t, replies.Unsubscribe())
	callers.Wait()
	_, err = mediator.Send(t.Context(), m, place{SKU: "third"})
	require.NoError(t, err)
	require.Equal(t, "third", <-began)
	require.NoError(t, s.Close(t.Context()))
}

func TestGoexitLetsTheNextOneRun(t *testing.T) {
	n := embed(t)
	first := make(chan struct{})
	m := goexiting(t, n, first)
	results := make(chan error, 2)
	send := func(sku string) {
		_, err := mediator.Send(t.Context(), m, place{SKU: sku})
		results <- err
	}
	go send("goexit")
	<-first
	go send("next")
	require.Eventually(t, func() bool { return rawConn(t, n).Stats().InMsgs >= 2 }, patience, time.Millisecond)
	first <- struct{}{}
	for range 2 {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, mediator.ErrGoexit)
		}
	}
}

func TestServiceCloseFinishesWhatIsInProgress(t *testing.T) {
	n := embed(t)
	began, release := make(chan struct{}), make(chan struct{})
	s := serve(t, wired(t, mediator.Handle(func(context.Context, place) (order, error) {
		close(began)
		<-release
		return order{Cents: 9}, nil
	})), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	result := make(chan order, 1)
	go func() {
		o, _ := mediator.Send(t.Context(), m, place{})
		result <- o
	}()
	<-began
	closed := make(chan error, 1)
	go func() { closed <- s.Close(t.Context()) }()
	require.Eventually(t, func() bool {
		_, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[ship](n, "shop")), ship{})
		return errors.Is(err, mediator.ErrNoHandler)
	}, patience, time.Millisecond, "it takes nothing new")
	require.Empty(t, closed)
	close(release)
	require.NoError(t, <-closed)
	require.Equal(t, 9, (<-result).Cents)
	require.NoError(t, s.Close(t.Context()))
}

func TestServiceCloseCutsShortWhenItsTimeIsUp(t *testing.T) {
	n := embed(t)
	began := make(chan struct{})
	s := serve(t, wired(t, mediator.Handle(func(ctx context.Context, _ place) (order, error) {
		close(began)
		<-ctx.Done()
		return order{}, ctx.Err()
	})), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	result := make(chan error, 1)
	go func() {
		_, err := mediator.Send(t.Context(), m, place{})
		result <- err
	}()
	<-began
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	err := s.Close(ctx)
	require.ErrorIs(t, err, why)
	require.ErrorContains(t, err, "close service shop: 1 calls were cut short")
	require.ErrorIs(t, <-result, mediator.ErrClosed)
}

func TestNodeCloseEndsItsServices(t *testing.T) {
	n, err := natsmediator.Embed(t.TempDir())
	require.NoError(t, err)
	m := wired(t, mediator.Handle(placed))
	_, err = natsmediator.Serve(t.Context(), m, n, "shop")
	require.NoError(t, err)
	remote := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	_, err = mediator.Send(t.Context(), remote, place{})
	require.NoError(t, err)
	require.NoError(t, n.Close(t.Context()))

	_, err = mediator.Send(t.Context(), remote, place{})
	require.ErrorIs(t, err, mediator.ErrClosed)
	for _, err := range mediator.Stream(t.Context(), remote, count{}) {
		require.ErrorIs(t, err, mediator.ErrClosed)
	}
	_, err = natsmediator.Serve(t.Context(), m, n, "shop")
	require.ErrorIs(t, err, mediator.ErrClosed)
}
