package natsmediator_test

import (
	"context"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// allow is what a user may send and receive.
type allow struct{ publish, subscribe []string }

// guarded returns a node on a server with users, and what makes a node of one of them.
func guarded(t *testing.T, users map[string]allow) (n *natsmediator.Node, as func(user string) *natsmediator.Node) {
	t.Helper()
	n = embed(t, natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync), natsmediator.ServerOptions(func(o *server.Options) {
		o.Users = []*server.User{{Username: "all", Password: "p"}}
		o.NoAuthUser = "all"
		for name, a := range users {
			o.Users = append(o.Users, &server.User{Username: name, Password: "p", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: a.publish}, Subscribe: &server.SubjectPermission{Allow: a.subscribe}}})
		}
	}))
	return n, func(user string) *natsmediator.Node {
		return connect(t, n, natsmediator.ClientOptions(nats.UserInfo(user, "p")))
	}
}

func TestWhatTheServerDeniesIsTold(t *testing.T) {
	answers := []string{"_INBOX.>"}
	n, as := guarded(t, map[string]allow{
		"deaf":  {publish: []string{">"}, subscribe: answers},
		"mute":  {publish: []string{"$JS.>"}, subscribe: answers},
		"lost":  {publish: []string{">"}, subscribe: []string{"other"}},
		"quiet": {publish: []string{">"}, subscribe: []string{"mediator.>", "_INBOX.>"}},
	})
	shop := wired(t, mediator.Handle(placed), mediator.HandleStream(counted))
	_, err := natsmediator.Serve(t.Context(), shop, as("deaf"), "shop")
	require.ErrorIs(t, err, nats.ErrPermissionViolation)
	require.ErrorContains(t, err, `natsmediator: serve shop: `)
	serve(t, shop, as("quiet")) // nobody discovers it

	wired(t, natsmediator.Durable[paid](n))
	mute, lost := as("mute"), as("lost")
	m := wired(t, natsmediator.Remote[place](mute, "shop"), natsmediator.RemoteStream[count](mute, "shop", natsmediator.Heartbeat(50*time.Millisecond)),
		natsmediator.Durable[paid](mute))
	limited := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	_, err = mediator.Send(limited(), m, place{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, nats.ErrPermissionViolation)
	require.ErrorContains(t, err, `"mediator.req.shop.shop.Place.v1"`)
	_, err = collect(mediator.Stream(t.Context(), m, count{}))
	require.ErrorIs(t, err, natsmediator.ErrConnection)
	require.ErrorContains(t, err, `"mediator.str.shop.`)
	err = mediator.Publish(limited(), m, paid{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, `"mediator.evt.`)
	_, err = mediator.Send(limited(), wired(t, natsmediator.Remote[place](lost, "shop")), place{})
	require.ErrorContains(t, err, `Permissions Violation for Subscription to "_INBOX.`)
}

// The guide's table of what to allow is enough for all that there is.
func TestPermissionsOfTheGuideAreEnough(t *testing.T) {
	_, as := guarded(t, map[string]allow{
		"caller":  {[]string{"mediator.req.shop.>", "mediator.str.shop.>", "mediator.cancel.shop", "_INBOX.>"}, []string{"_INBOX.>"}},
		"service": {[]string{"_INBOX.>"}, []string{"mediator.req.shop.>", "mediator.str.shop.>", "mediator.cancel.shop", "$SRV.>", "_INBOX.>"}},
		"events": {[]string{"mediator.evt.>", "mediator.letters.>", "mediator.ackwait.>", "mediator.probe.v1", "$JS.API.>", "$JS.ACK.>"},
			[]string{"mediator.ackwait.>", "_INBOX.>"}},
	})
	service := as("service")
	serve(t, wired(t, mediator.Handle(placed), mediator.HandleStream(counted)), service)
	caller := as("caller")
	m := wired(t, natsmediator.Remote[place](caller, "shop"), natsmediator.RemoteStream[count](caller, "shop", natsmediator.Window(1)))
	_, err := mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)
	all, err := collect(mediator.Stream(t.Context(), m, count{To: 10_000}))
	require.NoError(t, err)
	require.Len(t, all, 10_000)
	canceled, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range mediator.Stream(canceled, m, count{To: 1_000_000}) {
		cancel()
		_ = err // the window before it, and then the end
	}

	events := as("events")
	handled := make(chan paid, 1)
	m = wired(t, natsmediator.Durable[paid](events, natsmediator.Attempts(1)), mediator.Subscribe(func(_ context.Context, p paid) error {
		handled <- p
		return errOutOfStock
	}, mediator.Group("mail")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{Order: 7}))
	require.Equal(t, paid{Order: 7}, <-handled)
	eventually(t, "a letter", func() bool {
		s, err := events.Status(t.Context())
		require.NoError(t, err)
		return s.Letters == 1
	})
	for _, n := range []*natsmediator.Node{service, caller, events} {
		require.NoError(t, rawConn(t, n).Flush())
		require.NoError(t, rawConn(t, n).LastError())
	}
}
