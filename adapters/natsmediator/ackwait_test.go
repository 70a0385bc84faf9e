package natsmediator_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

const shorterAckWait = time.Second

// pair is two processes of a group, which take one event each: the long one has its in
// hand for several times the AckWait of the short one.
type pair struct {
	mu    sync.Mutex
	begun []string
	busy  chan struct{} // closed when the long one has begun
}

func newPair() *pair { return &pair{busy: make(chan struct{})} }

func (p *pair) process(n *natsmediator.Node, who string, opts ...natsmediator.DurableOption) mediator.Option {
	return mediator.Options(
		natsmediator.Durable[paid](n, append(opts, natsmediator.Workers(1), natsmediator.Prefetch(1))...),
		mediator.Subscribe(func(context.Context, paid) error {
			p.mu.Lock()
			p.begun = append(p.begun, who)
			p.mu.Unlock()
			if who == "long" {
				close(p.busy)
				<-time.After(3 * shorterAckWait) // the time is the server's
			}
			<-p.busy
			return nil
		}, mediator.Group("first")))
}

func (p *pair) requireOneEach(t *testing.T, n *natsmediator.Node, by *mediator.Mediator) {
	t.Helper()
	require.Equal(t, shorterAckWait, consumerInfo(t, n, "first").Config.AckWait)
	for i := range 2 {
		require.NoError(t, mediator.Publish(t.Context(), by, paid{i}))
	}
	eventually(t, "settled", func() bool { return allSettled(t, n, "first") })
	p.mu.Lock()
	defer p.mu.Unlock()
	require.ElementsMatch(t, []string{"long", "short"}, p.begun)
}

// during is a slog.Handler that calls something in the middle of what is told.
type during struct {
	text string
	call func()
}

func (d during) Enabled(context.Context, slog.Level) bool { return true }
func (d during) WithAttrs([]slog.Attr) slog.Handler       { return d }
func (d during) WithGroup(string) slog.Handler            { return d }

func (d during) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, d.text) {
		d.call()
	}
	return nil
}

// A process hears of a shorter AckWait as soon as it has made a consumer.
func TestDurableShorterAckWaitOfAnotherProcessThatStartsMeanwhile(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	second := mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("second"))
	m, err := mediator.New(natsmediator.Durable[paid](n), second)
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	config := consumerInfo(t, n, "second").Config
	config.Metadata["mediator-program"] = "example.com/other"
	_, err = natsmediator.JetStream(n).UpdateConsumer(t.Context(), paidStream, config)
	require.NoError(t, err)

	p := newPair()
	var once sync.Once
	var short *mediator.Mediator
	fast := connect(t, n)
	slow := connect(t, n, natsmediator.Logger(slog.New(during{"another program", func() { // ahead of its second consumer
		once.Do(func() {
			short = wired(t, p.process(fast, "short", natsmediator.AckWait(shorterAckWait)))
		})
	}})))
	wired(t, p.process(slow, "long"), second)
	require.NotNil(t, short)
	p.requireOneEach(t, n, short)
}

// One that makes its consumers again, as after the loss of a leader, tells those that have
// started since.
func TestDurableShorterAckWaitOfAProcessThatMakesItsConsumersAgain(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	p := newPair()
	m, err := mediator.New(p.process(connect(t, n), "before"))
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	requests, err := rawConn(t, n).SubscribeSync("$JS.API.CONSUMER.MSG.NEXT." + paidStream + ".first")
	require.NoError(t, err)
	short := wired(t, p.process(connect(t, n), "short", natsmediator.AckWait(shorterAckWait)))
	request, err := requests.NextMsg(patience)
	require.NoError(t, err)
	require.NoError(t, requests.Unsubscribe())
	wired(t, p.process(connect(t, n), "long"))
	require.Equal(t, natsmediator.DefaultAckWait, consumerInfo(t, n, "first").Config.AckWait, "the server goes by who came last")
	// What it says while nobody leads.
	require.NoError(t, rawConn(t, n).PublishMsg(&nats.Msg{Subject: request.Reply, Header: nats.Header{"Status": {"503"}}}))
	eventually(t, "made again", func() bool { return consumerInfo(t, n, "first").Config.AckWait == shorterAckWait })
	p.requireOneEach(t, n, short)
}
