package natsmediator_test

import (
	"context"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// What starts is there before the node is closed, or fails; a status in between is of
// what has started.
func TestNodeThatIsClosedWhileItsUsersStart(t *testing.T) {
	m := wired(t, mediator.Handle(placed), mediator.HandleStream(counted))
	for i := range 25 {
		n, err := natsmediator.Embed(t.TempDir(), natsmediator.ServerOptions(noSync))
		require.NoError(t, err)
		file := outboxFile(t)
		results := make(chan error, 3)
		go func() { results <- natsmediator.Letters(n).Put(t.Context(), deadletter.Letter{ID: "a"}) }()
		go func() {
			s, err := natsmediator.Serve(t.Context(), m, n, "shop")
			if err == nil {
				err = s.Close(t.Context())
			}
			results <- err
		}()
		go func() {
			m, err := mediator.New(natsmediator.Durable[paid](n, natsmediator.Outbox(file)),
				mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("stock")))
			if err == nil {
				err = m.Close(t.Context())
			}
			results <- err
		}()
		for range i { // each round closes the node a little later
			_, err := n.Status(t.Context())
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		require.NoError(t, n.Close(ctx))
		cancel()
		for range 3 {
			select {
			case err := <-results:
				if err != nil {
					require.ErrorIs(t, err, mediator.ErrClosed)
				}
			case <-time.After(patience):
				t.Fatal("a start that waits for a closed node")
			}
		}
	}
}

func TestDurableCloseRelaysWhatHandlersOfOtherEventsPublish(t *testing.T) {
	n := embed(t)
	file := outboxFile(t)
	began, closing := make(chan struct{}), make(chan struct{})
	var m *mediator.Mediator
	m = wired(t,
		natsmediator.Durable[paid](n),
		mediator.Subscribe(func(ctx context.Context, _ paid) error {
			close(began)
			<-closing
			for i := range 20 { // while the outbox would be relayed and closed
				if err := mediator.Publish(ctx, m, moved{Account: "a", N: i}); err != nil {
					return err
				}
			}
			return nil
		}, mediator.Group("stock")),
		natsmediator.Durable[moved](n, natsmediator.Outbox(file)),
		mediator.OnClose(func(context.Context) error { close(closing); return nil }),
	)
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	<-began
	require.NoError(t, m.Close(t.Context()))
	require.Zero(t, file.Outbox(movedStream).Depth())
	require.Equal(t, 20, messages(t, n, movedStream))
}

// The handler of an event that waited publishes another, whose Durable starts later.
func TestDurableHandlerPublishesWhatHasNotStarted(t *testing.T) {
	n := embed(t)
	require.NoError(t, mediator.Publish(t.Context(), wired(t, natsmediator.Durable[paid](n)), paid{7}))
	publishing := make(chan struct{})
	var early *mediator.Mediator
	wired(t,
		mediator.OnStart(func(m *mediator.Mediator) error {
			early = m
			require.ErrorContains(t, mediator.Publish(t.Context(), m, moved{}), "has not started", "or it would wait for itself")
			return nil
		}),
		natsmediator.Durable[paid](n, natsmediator.Attempts(1)),
		mediator.Subscribe(func(ctx context.Context, e paid) error {
			return mediator.Publish(ctx, early, moved{Account: "a", N: e.Order})
		}, mediator.Group("stock")),
		mediator.OnStart(func(*mediator.Mediator) error { <-publishing; return nil }),
		natsmediator.Durable[moved](n, natsmediator.Publishing(mediator.Use(mediator.Around(
			func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				if _, ok := natsmediator.EventFrom(ctx); ok {
					close(publishing)
				}
				return next(ctx, c)
			})))),
	)
	eventually(t, "published", func() bool { return messages(t, n, movedStream) == 1 })
	eventually(t, "handled", func() bool { return consumerInfo(t, n, "stock").NumAckPending == 0 })
	require.Zero(t, countOf(t, natsmediator.Letters(n)))
}
