package natsmediator_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"
)

// FuzzRequest sends requests of any headers and body to a live endpoint: each gets
// a reply, an error or not, and the next one is answered as ever.
func FuzzRequest(f *testing.F) {
	f.Add("application/json", "shop.Place", "1.0", "", "", `{"SKU":"x","Qty":1}`)
	f.Add("application/json; charset=utf-8", "", "", "1000000000", "id", `{}`)
	f.Add("application/octet-stream", "shop.Place", "1.0", "0", "id", "\x00\x01")
	f.Add("application/x-gob", "shop%2EPlace", "1.0", "-1", "id", "\x0f\xff\x81")
	f.Add("\r\nMediator-Timeout: 0", "%", "2", "1e9", strings.Repeat("x", 100), "{")
	f.Add("", "", "", "9223372036854775807", "\x00", `[[[[[[`)
	n := embed(f, natsmediator.Codecs(natsmediator.Gob()))
	service := wired(f, mediator.Handle(placed))
	_, err := natsmediator.Serve(context.Background(), service, n, "shop")
	require.NoError(f, err)
	nc := rawConn(f, n)
	f.Fuzz(func(t *testing.T, contentType, typ, version, timeout, id, body string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		reply, err := nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: placeSubject(), Data: []byte(body), Header: nats.Header{
			"ce-datacontenttype": {contentType}, "ce-type": {typ}, "ce-specversion": {version}, "Mediator-Timeout": {timeout}, "ce-id": {id},
		}})
		require.NoError(t, err)
		if code := reply.Header.Get(micro.ErrorCodeHeader); code != "" {
			require.NotEmpty(t, reply.Data)
		} else {
			require.NotEmpty(t, reply.Data, "an order")
		}
		reply, err = nc.RequestWithContext(ctx, placeSubject(), []byte(`{"SKU":"x","Qty":2}`))
		require.NoError(t, err)
		require.JSONEq(t, `{"SKU":"x","Cents":200}`, string(reply.Data))
	})
}

// FuzzFrames gives a consumer any two messages after the first item: its stream
// ends, and without an error only if they say so in the right order.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{'i', 2, 1, '7'}, []byte{'e', 3})
	f.Add([]byte{'e', 2}, []byte{'e', 3})
	f.Add([]byte{'b', 1}, []byte{'x', 2, '{', '}'})
	f.Add([]byte{'i', 2, 0xff, 0xff, 0xff, 0xff, 0x0f}, []byte{'e', 3})
	f.Add([]byte{'i', 3}, []byte{'e', 4})
	f.Add([]byte{'i', 2, 1, '{'}, []byte{})
	f.Add([]byte{'m', 2, 0, 0, 0, 2, 1, '7', 0, 0, 0, 2, 1, '8'}, []byte{'e', 4})
	f.Add([]byte{'m', 2, 0, 0, 0, 2, 1, '7', 0, 0, 0, 9}, []byte{'e', 4})
	n := embed(f)
	nc := rawConn(f, n)
	control := nc.NewInbox()
	_, err := nc.Subscribe(control, func(*nats.Msg) {})
	require.NoError(f, err)
	var frames [][]byte
	_, err = nc.Subscribe(countSubject(), func(m *nats.Msg) {
		for _, f := range frames {
			_ = nc.PublishRequest(m.Reply, control, f)
		}
	})
	require.NoError(f, err)
	m := wired(f, natsmediator.RemoteStream[count](n, "shop", natsmediator.Heartbeat(10*time.Millisecond)))
	f.Fuzz(func(t *testing.T, second, third []byte) {
		frames = [][]byte{frame('i', 1, 1, '5'), second, third}
		require.NoError(t, nc.Flush())
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		all, err := collect(mediator.Stream(ctx, m, count{}))
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		if len(all) > 0 {
			require.Equal(t, 5, all[0])
		}
		if err == nil {
			end := string(second) == string(frame('e', 2))
			end = end || string(third) == string(frame('e', 3)) && len(second) > 1 && string(second[:2]) == "i\x02"
			end = end || len(second) > 1 && string(second[:2]) == "m\x02" && len(third) == 2 && third[0] == 'e' && third[1] > 2
			end = end || string(third) == string(frame('e', 2)) && string(second) == string(frame('b', 1))
			require.True(t, end, "%q %q", second, third)
		}
	})
}

// FuzzControl gives a producer any message of its consumer, between two that make
// sense: it goes on to its end.
func FuzzControl(f *testing.F) {
	for _, seed := range []string{"c\x01", "c\x02", "s", "", "c", "c\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "?", "c\x01\x01"} {
		f.Add([]byte(seed))
	}
	n := embed(f)
	service := wired(f, mediator.HandleStream(counted))
	_, err := natsmediator.Serve(context.Background(), service, n, "shop")
	require.NoError(f, err)
	nc := rawConn(f, n)
	f.Fuzz(func(t *testing.T, control []byte) {
		inbox := nc.NewInbox()
		sub, err := nc.SubscribeSync(inbox)
		require.NoError(t, err)
		defer func() { require.NoError(t, sub.Unsubscribe()) }()
		require.NoError(t, nc.PublishMsg(&nats.Msg{Subject: countSubject(), Reply: inbox, Data: []byte(`{"To":200}`), Header: nats.Header{"Mediator-Window": {"1"}}}))
		for sent := uint64(0); ; {
			msg, err := sub.NextMsg(patience)
			require.NoError(t, err)
			switch msg.Data[0] {
			case 'b':
				require.NoError(t, nc.Publish(msg.Reply, control))
			case 'i':
				sent++
				require.NoError(t, nc.Publish(msg.Reply, control))
				require.NoError(t, nc.Publish(msg.Reply, append([]byte{'c'}, byte(sent))))
			case 'e':
				return
			case 'x':
				t.Fatalf("%s", msg.Data)
			}
			if string(control) == "s" {
				return
			}
		}
	})
}

func FuzzSubject(f *testing.F) {
	f.Add("a", "b")
	f.Add("a..b", "a.%2Eb")
	f.Add(".", "%2E")
	f.Add("", "%")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b} {
			subject := natsmediator.Subject("ns", "svc", s, 1)
			require.NotContains(t, subject, "..")
			require.False(t, strings.ContainsAny(subject, " *>\t\r\n\x00"), subject)
		}
		require.Equal(t, a == b, natsmediator.Subject("ns", "svc", a, 1) == natsmediator.Subject("ns", "svc", b, 1))
	})
}
