package natsmediator_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

// A server that says nothing for a while, without a connection that breaks, as when it is
// paused: what the client gave up waiting for comes to an end all the same, later.
func TestDurableOfAServerThatStalls(t *testing.T) {
	server := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	l := newLink(t, server)
	n := l.over(t)
	var s seen
	m := wired(t, natsmediator.Durable[paid](n), s.on("stock"))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "the first", func() bool {
		return len(s.of("stock")) == 1 && consumerInfo(t, server, "stock").NumAckPending == 0
	})
	l.still.Lock()
	before := rawConn(t, n).Stats().OutMsgs
	eventually(t, "the group and the advisories have ended a request, in vain, and made another", func() bool {
		return rawConn(t, n).Stats().OutMsgs >= before+2
	})
	l.still.Unlock()
	require.NoError(t, mediator.Publish(t.Context(), m, paid{2}))
	eventually(t, "the second", func() bool { return len(s.of("stock")) == 2 })
}

// Nothing is asked for without a connection: the client would keep each request, and have
// the server send events to who is gone.
func TestDurableAsksForNothingWithoutAConnection(t *testing.T) {
	server := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	l := newLink(t, server)
	n := l.over(t)
	var mu sync.Mutex
	attempts := map[int]int{}
	handled := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(attempts)
	}
	wired(t, natsmediator.Durable[paid](n), mediator.Subscribe(func(ctx context.Context, p paid) error {
		e, _ := natsmediator.EventFrom(ctx)
		mu.Lock()
		defer mu.Unlock()
		attempts[p.Order] = e.Attempt
		return nil
	}, mediator.Group("stock")))
	m := wired(t, natsmediator.Durable[paid](server))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{0}))
	eventually(t, "the first", func() bool { return handled() == 1 && allSettled(t, server, "stock") })
	asking := rawConn(t, n).NumSubscriptions()
	l.cutOff(t, n)
	sent := rawConn(t, n).Stats().OutMsgs
	eventually(t, "the group's request and that for advisories are over", func() bool {
		return rawConn(t, n).NumSubscriptions() == asking-2
	})
	require.Never(t, func() bool { return rawConn(t, n).Stats().OutMsgs != sent }, time.Second, 10*time.Millisecond)
	const events = 60
	for i := range events {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{1 + i}))
	}
	l.mend()
	require.Greater(t, natsmediator.DefaultAckWait, patience)
	eventually(t, "all", func() bool { return handled() == 1+events })
	mu.Lock()
	defer mu.Unlock()
	for i, attempt := range attempts {
		require.Equal(t, 1, attempt, i)
	}
}
