package natsmediator_test

import (
	"testing"

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
