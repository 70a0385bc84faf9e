package natsmediator_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// TestServiceIsThereAgainAfterTheServer restarts the server under a service and
// its caller, which are elsewhere and reconnect.
func TestServiceIsThereAgainAfterTheServer(t *testing.T) {
	dir := t.TempDir()
	first, err := natsmediator.Embed(dir, natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	again := natsmediator.ClientOptions(nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
	serve(t, wired(t, mediator.Handle(placed)), connect(t, first, again))
	m := wired(t, natsmediator.Remote[place](connect(t, first, again), "shop", natsmediator.Timeout(time.Second)))
	_, err = mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)

	at := first.URL()[len("nats://"):]
	require.NoError(t, first.Close(t.Context()))
	_, err = mediator.Send(t.Context(), m, place{})
	require.Error(t, err)

	second, err := natsmediator.Embed(dir, natsmediator.Listen(at))
	require.NoError(t, err)
	closeLast(t, second.Close)
	require.Eventually(t, func() bool {
		o, err := mediator.Send(t.Context(), m, place{SKU: "x", Qty: 1})
		return err == nil && o.Cents == 100
	}, patience, 10*time.Millisecond)
}

func TestErrorOfConnectTellsNoSecret(t *testing.T) {
	for url, want := range map[string]string{
		"nats://me:secret@127.0.0.1:1":                     "connect to nats://***@127.0.0.1:1: ",
		"nats://secret@127.0.0.1:1,tls://x:secret@127.1:1": "connect to nats://***@127.0.0.1:1,tls://***@127.1:1: ",
		"nats://me:secret@127.0.0.1:port":                  "connect to nats://***@127.0.0.1:port: the address is no URL",
		"me:secret@127.0.0.1:1":                            "connect to ***@127.0.0.1:1: ",
		"nats://me:secret/x@127.0.0.1:1":                   "connect to nats://***@127.0.0.1:1: the address is no URL",
		"nats://me:secret#1@127.0.0.1:1":                   "have to be escaped",
		"nats://me:secret%zz@127.0.0.1:1":                  "have to be escaped",
		"nats://me:secret,secret@127.0.0.1:1":              "connect to ***: ",
		"nats://me:1,secret@127.0.0.1:1":                   "connect to ***: ",
		"me:sec//secret@127.0.0.1:1":                       "connect to ***@127.0.0.1:1: ",
		"me:secret://secret@127.0.0.1:1":                   "connect to ***: ",
		"nats://127.0.0.1:1":                               "connect to nats://127.0.0.1:1: ",
	} {
		_, err := natsmediator.Connect(url)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestConnectByTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)

	n := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(func(o *server.Options) {
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}), natsmediator.ClientOptions(nats.Secure(&tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})))
	serve(t, wired(t, mediator.Handle(placed)), n)
	secure := natsmediator.ClientOptions(nats.Secure(&tls.Config{RootCAs: roots}))
	_, err = mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](connect(t, n, secure), "shop")), place{})
	require.NoError(t, err)
	_, err = natsmediator.Connect(n.URL(), natsmediator.ClientOptions(nats.Secure(&tls.Config{RootCAs: x509.NewCertPool()})))
	require.Error(t, err, "nobody vouches for the server")
}

// TestLeafNode has a service on a server, and its caller on another, which is its
// leaf.
func TestLeafNode(t *testing.T) {
	var port atomic.Int64
	hub := embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(func(o *server.Options) {
		l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
		require.NoError(t, err)
		port.Store(int64(l.Addr().(*net.TCPAddr).Port))
		require.NoError(t, l.Close())
		o.LeafNode = server.LeafNodeOpts{Host: "127.0.0.1", Port: int(port.Load())}
		o.ServerName, o.JetStreamDomain = "hub", "hub"
	}))
	serve(t, wired(t, mediator.Handle(placed), mediator.HandleStream(counted)), hub)
	leaf := embed(t, natsmediator.ServerOptions(func(o *server.Options) {
		to := &url.URL{Scheme: "nats", Host: (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port.Load())}).String()}
		o.LeafNode = server.LeafNodeOpts{Remotes: []*server.RemoteLeafOpts{{URLs: []*url.URL{to}}}}
		o.ServerName, o.JetStreamDomain = "leaf", "leaf"
	}))
	m := wired(t, natsmediator.Remote[place](leaf, "shop"), natsmediator.RemoteStream[count](leaf, "shop"))
	require.Eventually(t, func() bool {
		_, err := mediator.Send(t.Context(), m, place{})
		return err == nil
	}, patience, 10*time.Millisecond)
	all, err := collect(mediator.Stream(t.Context(), m, count{To: 10_000}))
	require.NoError(t, err)
	require.Len(t, all, 10_000)
}

// TestClosedHandlerOfTheUser is not replaced by the node's own.
func TestClosedHandlerOfTheUser(t *testing.T) {
	called := make(chan struct{})
	n, err := natsmediator.Embed(t.TempDir(), natsmediator.ClientOptions(nats.ClosedHandler(func(*nats.Conn) { close(called) })))
	require.NoError(t, err)
	require.NoError(t, n.Close(context.Background()))
	<-called
}

// A server without JetStream does for requests; the rest says what it lacks.
func TestServerWithoutJetStream(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(patience))
	n, err := natsmediator.Connect(s.ClientURL())
	require.NoError(t, err)
	closeLast(t, n.Close)
	serve(t, wired(t, mediator.Handle(placed)), n)
	_, err = mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop")), place{})
	require.NoError(t, err)
	const want = "JetStream does not answer: is it enabled on the server"
	require.ErrorContains(t, natsmediator.Letters(n).Put(t.Context(), deadletter.Letter{ID: "a"}), want)
	err = natsmediator.Check(n, natsmediator.CheckConfig{})(t.Context())
	require.ErrorContains(t, err, want)
	require.ErrorIs(t, err, nats.ErrNoResponders)
}

// Before the first connection, calls fail at once, and say so.
func TestNodeThatHasNoConnectionYet(t *testing.T) {
	n, err := natsmediator.Connect("nats://127.0.0.1:1", natsmediator.ClientOptions(nats.RetryOnFailedConnect(true)))
	require.NoError(t, err)
	closeLast(t, n.Close)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	_, err = mediator.Send(t.Context(), m, place{})
	require.ErrorIs(t, err, natsmediator.ErrConnection)
	require.ErrorContains(t, err, "there has been none yet")
	_, err = collect(mediator.Stream(t.Context(), m, count{}))
	require.ErrorIs(t, err, natsmediator.ErrConnection)
}
