package natsmediator_test

import (
	"bytes"
	"context"
	"iter"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// mute dials connections from which the server's answers to pings can be taken out.
type mute struct{ on atomic.Bool }

func (m *mute) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return muteConn{c, m}, err
}

type muteConn struct {
	net.Conn
	m *mute
}

func (c muteConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.m.on.Load() {
		n = copy(b, bytes.ReplaceAll(b[:n], []byte("PONG\r\n"), nil))
	}
	return n, err
}

// failing serves shop in vain: the server does not say that it knows of the service, until
// fail ends the waiting for that. call calls it, until began says so.
func failing(t *testing.T, n *natsmediator.Node, shop *mediator.Mediator, began <-chan struct{}, call func() error) (outcome <-chan error, fail func()) {
	t.Helper()
	var m mute
	half := connect(t, n, natsmediator.ClientOptions(nats.SetCustomDialer(&m)))
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	m.on.Store(true)
	failed := make(chan error, 1)
	go func() {
		_, err := natsmediator.Serve(ctx, shop, half, "shop")
		failed <- err
	}()
	ended := make(chan error, 1)
	eventually(t, "the call begins", func() bool {
		go func() { ended <- call() }()
		select {
		case <-began:
			return true
		case err := <-ended:
			require.ErrorIs(t, err, mediator.ErrNoHandler)
			return false
		}
	})
	return ended, func() {
		m.on.Store(false)              // or the client would give the connection up
		defer rawConn(t, half).Close() // it takes each answer for that to the ping before
		cancel()
		select {
		case err := <-failed:
			require.ErrorIs(t, err, context.Canceled)
		case <-time.After(patience):
			require.Fail(t, "Serve waits")
		}
	}
}

// A Serve that fails ends what came to it meanwhile.
func TestServeThatFailsEndsItsStreams(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	began, ended := make(chan struct{}, 1), make(chan error, 1)
	shop := wired(t, mediator.HandleStream(func(ctx context.Context, _ count) iter.Seq2[int, error] {
		return func(func(int, error) bool) {
			began <- struct{}{}
			<-ctx.Done()
			ended <- context.Cause(ctx)
		}
	}))
	remote := wired(t, natsmediator.RemoteStream[count](n, "shop"))
	consumed, fail := failing(t, n, shop, began, func() error {
		_, err := collect(mediator.Stream(t.Context(), remote, count{}))
		return err
	})
	fail()
	require.ErrorIs(t, <-consumed, natsmediator.ErrConnection, "another instance may have it")
	require.Error(t, <-ended)
}

// Their callers are told that the service ended, as by its Close, and not why it did.
func TestServeThatFailsEndsItsRequests(t *testing.T) {
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
	began := make(chan struct{}, 1)
	shop := wired(t, mediator.Handle(func(ctx context.Context, _ place) (order, error) {
		began <- struct{}{}
		<-ctx.Done()
		return order{}, context.Cause(ctx)
	}))
	remote := wired(t, natsmediator.Remote[place](n, "shop"))
	answered, fail := failing(t, n, shop, began, func() error {
		_, err := mediator.Send(t.Context(), remote, place{})
		return err
	})
	fail()
	err := <-answered
	require.ErrorIs(t, err, mediator.ErrClosed)
	require.NotErrorIs(t, err, context.Canceled)
}
