package natsmediator_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// unmade returns a node whose stream of letters is asked for, and not made: the server
// denies that, and says so to the connection alone.
func unmade(t *testing.T) (n *natsmediator.Node, asked func()) {
	t.Helper()
	_, as := guarded(t, map[string]allow{"reader": {publish: []string{"$JS.API.STREAM.INFO.>"}, subscribe: []string{"_INBOX.>"}}})
	n = as("reader")
	return n, func() {
		t.Helper()
		eventually(t, "the stream is being made", func() bool { return rawConn(t, n).LastError() != nil })
	}
}

// A node that is closed waits for a stream that is being made, which a server that shuts
// down meanwhile would not let go of.
func TestLettersThatAreMadeWhileTheNodeIsClosed(t *testing.T) {
	n, asked := unmade(t)
	put := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		put <- natsmediator.Letters(n).Put(ctx, deadletter.Letter{ID: "a"})
	}()
	asked()
	require.NoError(t, n.Close(t.Context()))
	err := <-put
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, mediator.ErrClosed)
}

func TestLettersThatAreMadeWhileTheNodeIsInAHurry(t *testing.T) {
	n, asked := unmade(t)
	put := make(chan error, 1)
	go func() { put <- natsmediator.Letters(n).Put(t.Context(), deadletter.Letter{ID: "a"}) }()
	asked()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = n.Close(ctx) // it says that nothing is waited for
	require.ErrorIs(t, <-put, mediator.ErrClosed)
}

// The first letter may be that of an event whose handler ends while the node is closed.
func TestLettersOfHandlersThatANodeFinishes(t *testing.T) {
	dir := t.TempDir()
	n, err := natsmediator.Embed(dir, natsmediator.ServerOptions(noSync))
	require.NoError(t, err)
	began, release := make(chan struct{}), make(chan struct{})
	m := wired(t, mediator.Handle(placed), natsmediator.Durable[paid](n, natsmediator.Attempts(1)),
		mediator.Subscribe(func(context.Context, paid) error {
			close(began)
			<-release
			return errOutOfStock
		}, mediator.Group("stock")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	<-began
	closed := make(chan error, 1)
	go func() { closed <- n.Close(t.Context()) }()
	eventually(t, "it is being closed", func() bool {
		s, err := natsmediator.Serve(t.Context(), m, n, "shop")
		if err != nil {
			return errors.Is(err, mediator.ErrClosed)
		}
		return s.Close(t.Context()) != nil
	})
	close(release)
	require.NoError(t, <-closed)
	n, err = natsmediator.Embed(dir, natsmediator.ServerOptions(noSync))
	require.NoError(t, err)
	closeLast(t, n.Close)
	require.Equal(t, 1, countOf(t, natsmediator.Letters(n)))
}

// One who waits for the server holds up no other.
func TestLettersHeedTheContextOfEach(t *testing.T) {
	n, asked := unmade(t)
	letters := natsmediator.Letters(n)
	patient, giveUp := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- letters.Put(patient, deadletter.Letter{ID: "a"}) }()
	asked()
	hasty, cancel := context.WithCancel(t.Context())
	cancel()
	second, end := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer end()
	require.ErrorIs(t, letters.Put(hasty, deadletter.Letter{ID: "b"}), context.Canceled)
	require.ErrorIs(t, letters.Put(second, deadletter.Letter{ID: "b"}), context.DeadlineExceeded)
	require.Empty(t, first, "it still waits")
	giveUp()
	require.ErrorIs(t, <-first, context.Canceled)
}

func TestLettersListedWithoutALimit(t *testing.T) {
	letters := natsmediator.Letters(embed(t, natsmediator.ServerOptions(noSync)))
	require.NoError(t, letters.Put(t.Context(), deadletter.Letter{ID: "a"}))
	all, next, err := letters.List(t.Context(), deadletter.Filter{}, "", math.MaxInt)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Empty(t, next)
}
