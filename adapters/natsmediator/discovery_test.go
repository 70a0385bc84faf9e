package natsmediator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"
)

// TestDiscovery asks as the nats command does: PING, INFO and STATS of all
// services, of one, and of an instance.
func TestDiscovery(t *testing.T) {
	n := embed(t)
	started := make(chan struct{})
	s := serve(t, wired(t,
		mediator.Handle(func(_ context.Context, q place) (order, error) {
			if q.Qty < 0 {
				return order{}, errors.New("less than nothing")
			}
			<-started
			return order{}, nil
		}),
		mediator.HandleStream(counted),
	), n, natsmediator.Version(3))
	nc := rawConn(t, n)
	ask := func(subject string, v any) {
		reply, err := nc.RequestWithContext(t.Context(), subject, nil)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(reply.Data, v))
	}
	var ping micro.Ping
	ask("$SRV.PING", &ping)
	require.Equal(t, "shop", ping.Name)
	require.Equal(t, "3.0.0", ping.Version)
	require.Equal(t, micro.PingResponseType, ping.Type)

	var info micro.Info
	ask("$SRV.INFO.shop", &info)
	require.Equal(t, ping.ServiceIdentity, info.ServiceIdentity)
	require.Equal(t, []micro.EndpointInfo{
		{Name: "shop_Place", Subject: "mediator.req.shop.shop.Place.v3", QueueGroup: "shop", Metadata: map[string]string{"message": "shop.Place", "kind": "request"}},
		{Name: "shop_Count", Subject: "mediator.str.shop.shop.Count.v3", QueueGroup: "shop", Metadata: map[string]string{"message": "shop.Count", "kind": "stream"}},
	}, info.Endpoints)

	m := wired(t, natsmediator.Remote[place](n, "shop", natsmediator.Version(3)), natsmediator.RemoteStream[count](n, "shop", natsmediator.Version(3)))
	_, err := mediator.Send(t.Context(), m, place{Qty: -1})
	require.ErrorContains(t, err, "less than nothing")
	begin := time.Now()
	go close(started)
	_, err = mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)
	took := time.Since(begin)
	_, err = collect(mediator.Stream(t.Context(), m, count{To: 3}))
	require.NoError(t, err)

	var stats micro.Stats
	require.Eventually(t, func() bool { // a call counts once its answer has been sent
		ask("$SRV.STATS.shop."+ping.ID, &stats)
		return stats.Endpoints[0].NumRequests == 2 && stats.Endpoints[1].NumRequests == 1
	}, patience, time.Millisecond)
	require.Equal(t, 1, stats.Endpoints[0].NumErrors)
	require.Equal(t, "less than nothing", stats.Endpoints[0].LastError)
	require.Positive(t, stats.Endpoints[0].AverageProcessingTime)
	require.Less(t, stats.Endpoints[0].AverageProcessingTime, took+time.Second)
	require.Zero(t, stats.Endpoints[1].NumErrors)

	require.Equal(t, "mediator.req.shop.shop.Place.v3", stats.Endpoints[0].Subject)
	require.Equal(t, "shop", stats.Endpoints[0].QueueGroup)

	require.NoError(t, s.Close(t.Context()))
	_, err = nc.RequestWithContext(t.Context(), "$SRV.PING.shop", nil)
	require.Error(t, err, "what is closed is not found")
}

// TestDiscoveryIsThatOfTheFramework asks a service of the framework's own and one of
// this package the same: what they say has the same fields of the same types, so that
// no client can tell them apart.
func TestDiscoveryIsThatOfTheFramework(t *testing.T) {
	n := embed(t)
	serve(t, wired(t, mediator.Handle(placed)), n)
	nc := rawConn(t, n)
	other, err := micro.AddService(nc, micro.Config{
		Name: "other", Version: "1.0.0", Description: "one of the framework",
		Endpoint: &micro.EndpointConfig{Subject: "other", Metadata: map[string]string{"message": "", "kind": ""},
			Handler: micro.HandlerFunc(func(r micro.Request) { _ = r.Error("broken", "on purpose", nil) })},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Stop()) }()
	for _, subject := range []string{"other", placeSubject()} { // for the statistics, an error
		_, err := nc.RequestWithContext(t.Context(), subject, []byte("{"))
		require.NoError(t, err)
	}
	for _, verb := range []micro.Verb{micro.PingVerb, micro.InfoVerb, micro.StatsVerb} {
		t.Run(verb.String(), func(t *testing.T) {
			ask := func(name string) (answer map[string]any) {
				subject, err := micro.ControlSubject(verb, name, "")
				require.NoError(t, err)
				reply, err := nc.RequestWithContext(t.Context(), subject, nil)
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(reply.Data, &answer))
				return answer
			}
			require.Eventually(t, func() bool { return reflect.DeepEqual(shape(ask("other")), shape(ask("shop"))) }, patience, time.Millisecond,
				"%v\n%v", ask("other"), ask("shop"))
			require.Equal(t, ask("other")["type"], ask("shop")["type"])

			// All are found at once, as a list of services has it.
			inbox := nc.NewInbox()
			answers, err := nc.SubscribeSync(inbox)
			require.NoError(t, err)
			defer func() { require.NoError(t, answers.Unsubscribe()) }()
			require.NoError(t, nc.PublishRequest("$SRV."+verb.String(), inbox, nil))
			var names []string
			for range 2 {
				answer, err := answers.NextMsg(patience)
				require.NoError(t, err)
				var who micro.ServiceIdentity
				require.NoError(t, json.Unmarshal(answer.Data, &who))
				names = append(names, who.Name)
			}
			require.ElementsMatch(t, []string{"other", "shop"}, names)
		})
	}
}

// shape is a JSON value with the kinds of what it holds in place of it.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		fields := map[string]any{}
		for name, field := range v {
			fields[name] = shape(field)
		}
		return fields
	case []any:
		items := []any{}
		for _, item := range v {
			items = append(items, shape(item))
		}
		return items
	default:
		return fmt.Sprintf("%T", v)
	}
}
