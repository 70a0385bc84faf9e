package natsmediator_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// link is what a connection to a server goes through, to be cut and mended.
type link struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu    sync.Mutex
	down  bool
	conns []net.Conn

	still sync.RWMutex // held while nothing passes
}

func newLink(t *testing.T, n *natsmediator.Node) *link {
	t.Helper()
	to, err := url.Parse(n.URL())
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &link{listener: listener, to: to.Host}
	l.running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			l.carry(c)
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
		l.running.Wait()
	})
	return l
}

func (l *link) carry(from net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to, err := net.Dial("tcp", l.to)
	if l.down || err != nil {
		_ = from.Close()
		if err == nil {
			_ = to.Close()
		}
		return
	}
	l.conns = append(l.conns, from, to)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		l.running.Go(func() {
			_, _ = io.Copy(passing{way[0], l}, way[1])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// passing is the end of a link to which things pass while they may.
type passing struct {
	to io.Writer
	l  *link
}

func (p passing) Write(data []byte) (int, error) {
	p.l.still.RLock()
	defer p.l.still.RUnlock()
	return p.to.Write(data)
}

// over returns a node whose connection goes over the link.
func (l *link) over(t *testing.T) *natsmediator.Node {
	t.Helper()
	n, err := natsmediator.Connect("nats://"+l.listener.Addr().String(),
		natsmediator.ClientOptions(nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0)))
	require.NoError(t, err)
	closeLast(t, n.Close)
	return n
}

// cutOff cuts the link, and returns when the node has noticed.
func (l *link) cutOff(t *testing.T, n *natsmediator.Node) {
	t.Helper()
	l.cut()
	require.Eventually(t, rawConn(t, n).IsReconnecting, patience, time.Millisecond)
}

func TestCallsWithoutAConnectionAreRefusedAndNeverRun(t *testing.T) {
	server := embed(t, natsmediator.Listen("127.0.0.1:0"))
	var runs atomic.Int64
	ended := make(chan error, 10)
	serve(t, wired(t, mediator.Handle(func(context.Context, place) (order, error) {
		runs.Add(1)
		return order{}, nil
	}), mediator.HandleStream(endless(ended))), server)
	l := newLink(t, server)
	n := l.over(t)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	_, err := mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)

	l.cutOff(t, n)
	for range 5 {
		_, err = mediator.Send(t.Context(), m, place{})
		require.ErrorIs(t, err, natsmediator.ErrConnection)
		require.ErrorContains(t, err, "there is none at present, and nothing was sent")
		_, err = collect(mediator.Stream(t.Context(), m, count{}))
		require.ErrorIs(t, err, natsmediator.ErrConnection)
	}
	l.mend()
	// What the client kept would come ahead of this one.
	require.Eventually(t, func() bool {
		_, err := mediator.Send(t.Context(), m, place{})
		return err == nil
	}, patience, 10*time.Millisecond)
	require.EqualValues(t, 2, runs.Load())
	require.Empty(t, ended)
}

// untilTold is a context whose time is up when it is said to be.
type untilTold struct {
	context.Context
	up chan struct{}
}

func (c untilTold) Deadline() (time.Time, bool) { return time.Now().Add(time.Minute), true }
func (c untilTold) Done() <-chan struct{}       { return c.up }

func (c untilTold) Err() error {
	select {
	case <-c.up:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Callers that give up without a connection have the handler's context cancelled when
// there is one again, whether they cancel or their time is up: the client may have kept
// the request.
func TestCancelsWithoutAConnectionComeLater(t *testing.T) {
	server := embed(t, natsmediator.Listen("127.0.0.1:0"))
	began, ended := make(chan struct{}, 2), make(chan error, 2)
	serve(t, wired(t, mediator.Handle(func(ctx context.Context, _ place) (order, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return order{}, ctx.Err()
	})), server)
	cancels, err := rawConn(t, server).SubscribeSync("mediator.cancel.shop")
	require.NoError(t, err)
	l := newLink(t, server)
	n := l.over(t)
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	results := make(chan error, 2)
	send := func(ctx context.Context) {
		_, err := mediator.Send(ctx, m, place{})
		results <- err
	}
	late := untilTold{t.Context(), make(chan struct{})}
	given, giveUp := context.WithCancel(t.Context())
	go send(late)
	go send(given)
	<-began
	<-began
	l.cutOff(t, n)
	giveUp()
	require.ErrorIs(t, <-results, context.Canceled)
	close(late.up)
	require.ErrorIs(t, <-results, context.DeadlineExceeded)
	l.mend()
	for range 2 {
		_, err := cancels.NextMsg(patience)
		require.NoError(t, err)
	}
	for range 2 {
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

func TestDeadConnectionsAreNoticedByDefault(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	o := rawConn(t, n).Opts
	require.Equal(t, 5*time.Second, o.PingInterval)
	require.Equal(t, 2, o.MaxPingsOut)
	o = rawConn(t, connect(t, n, natsmediator.ClientOptions(nats.PingInterval(time.Minute), nats.MaxPingsOutstanding(7)))).Opts
	require.Equal(t, time.Minute, o.PingInterval, "the user's count")
	require.Equal(t, 7, o.MaxPingsOut)
}
