package natsmediator_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"
)

func placeSubject() string { return natsmediator.Subject("mediator", "shop", "shop.Place", 1) }
func countSubject() string { return natsmediator.StreamSubject("mediator", "shop", "shop.Count", 1) }

func TestSubjects(t *testing.T) {
	for name, want := range map[string]string{
		"Place": "Place", "shop.Place": "shop.Place", "a b": "a%20b", "*": "%2A", "a.>": "a.%3E", "..": "%2E%2E", ".a.": "%2Ea%2E",
		"a..b": "a.%2Eb", "%": "%25", "": "%", "é": "%C3%A9", "tab\t": "tab%09", "x[main.T]": "x[main.T]",
	} {
		require.Equal(t, "ns.req.svc."+want+".v1", natsmediator.Subject("ns", "svc", name, 1))
		require.Equal(t, "ns.str.svc."+want+".v12", natsmediator.StreamSubject("ns", "svc", name, 12))
	}
}

func TestRequestsAreCloudEvents(t *testing.T) {
	n := embed(t)
	nc := rawConn(t, n)
	got := make(chan *nats.Msg, 1)
	sub, err := nc.Subscribe(natsmediator.Subject("mediator", "shop", "größe 1", 1), func(m *nats.Msg) {
		got <- m
		_ = m.Respond([]byte(`{"SKU":"by hand","Cents":1}`))
	})
	require.NoError(t, err)
	m := wired(t, natsmediator.Remote[place](n, "shop", natsmediator.Named("größe 1")))
	ids := map[string]bool{}
	for range 2 {
		o, err := mediator.Send(t.Context(), m, place{SKU: "x", Qty: 1})
		require.NoError(t, err)
		require.Equal(t, "by hand", o.SKU)
		msg := <-got
		require.JSONEq(t, `{"SKU":"x","Qty":1}`, string(msg.Data))
		ids[msg.Header.Get("ce-id")] = true
		require.Equal(t, "1.0", msg.Header.Get("ce-specversion"))
		require.Equal(t, "gr%C3%B6%C3%9Fe%201", msg.Header.Get("ce-type"))
		require.Equal(t, "/mediator", msg.Header.Get("ce-source"))
		require.Equal(t, "application/json", msg.Header.Get("ce-datacontenttype"))
		require.NotEmpty(t, msg.Header.Get("Mediator-Timeout"))
	}
	require.Len(t, ids, 2, "each has an id of its own")
	require.NoError(t, sub.Unsubscribe())
}

func TestTraceGoesAlong(t *testing.T) {
	trace := natsmediator.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "vendor=1"}
	n := embed(t)
	seen := make(chan natsmediator.Trace, 2)
	serve(t, wired(t,
		mediator.Handle(func(ctx context.Context, _ place) (order, error) {
			seen <- natsmediator.TraceFrom(ctx)
			return order{}, nil
		}),
		mediator.HandleStream(func(ctx context.Context, q count) iterSeq {
			seen <- natsmediator.TraceFrom(ctx)
			return counted(ctx, q)
		})), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	ctx := natsmediator.WithTrace(t.Context(), trace)
	_, err := mediator.Send(ctx, m, place{})
	require.NoError(t, err)
	require.Equal(t, trace, <-seen)
	_, err = collect(mediator.Stream(ctx, m, count{}))
	require.NoError(t, err)
	require.Equal(t, trace, <-seen)
	_, err = mediator.Send(t.Context(), m, place{})
	require.NoError(t, err)
	require.Zero(t, <-seen)
	require.Zero(t, natsmediator.TraceFrom(t.Context()))
}

type userKey struct{}

// users carries a user, as a tracing library would carry a span.
type users struct{}

func (users) Inject(ctx context.Context, h natsmediator.Carrier) {
	if user, ok := ctx.Value(userKey{}).(string); ok {
		h.Set("user", user)
	}
}

func (users) Extract(ctx context.Context, h natsmediator.Carrier) context.Context {
	for _, k := range h.Keys() {
		if k == "user" {
			return context.WithValue(ctx, userKey{}, h.Get(k))
		}
	}
	return ctx
}

func TestPropagator(t *testing.T) {
	n := embed(t, natsmediator.Propagate(users{}))
	serve(t, wired(t, mediator.Handle(func(ctx context.Context, _ place) (order, error) {
		user, _ := ctx.Value(userKey{}).(string)
		return order{SKU: user}, nil
	})), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	// A line end in a header's value must not become a header.
	o, err := mediator.Send(context.WithValue(t.Context(), userKey{}, "eve\r\nMediator-Timeout: 0"), m, place{})
	require.NoError(t, err)
	require.Equal(t, "eve  Mediator-Timeout: 0", o.SKU)
}

func TestServeHasTheValuesOfItsContext(t *testing.T) {
	n := embed(t)
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), userKey{}, "root"))
	m := wired(t, mediator.Handle(func(ctx context.Context, _ place) (order, error) {
		user, _ := ctx.Value(userKey{}).(string)
		return order{SKU: user}, ctx.Err()
	}))
	_, err := natsmediator.Serve(ctx, m, n, "shop")
	require.NoError(t, err)
	cancel()
	o, err := mediator.Send(t.Context(), wired(t, natsmediator.Remote[place](n, "shop")), place{})
	require.NoError(t, err)
	require.Equal(t, "root", o.SKU)
	_, err = natsmediator.Serve(ctx, m, n, "shop")
	require.ErrorIs(t, err, context.Canceled)
}

// TestAnyClientCanCall asks as the nats command would, without any header.
func TestAnyClientCanCall(t *testing.T) {
	n := embed(t)
	serve(t, wired(t, mediator.Handle(placed), mediator.HandleCommand(func(context.Context, ship) error { return nil })), n)
	nc := rawConn(t, n)
	reply, err := nc.RequestWithContext(t.Context(), placeSubject(), []byte(`{"SKU":"x","Qty":2}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"SKU":"x","Cents":200}`, string(reply.Data))
	require.Empty(t, reply.Header)
	reply, err = nc.RequestWithContext(t.Context(), natsmediator.Subject("mediator", "shop", "shop.Ship", 1), []byte(`{}`))
	require.NoError(t, err)
	require.Empty(t, reply.Data)
	require.Empty(t, reply.Header)
}

func TestHostileRequestsGetAnErrorReply(t *testing.T) {
	n := embed(t)
	serve(t, wired(t, mediator.Handle(placed), mediator.HandleStream(counted)), n)
	nc := rawConn(t, n)
	for name, c := range map[string]struct {
		header nats.Header
		body   string
		code   string
		stream bool
	}{
		"no JSON":                {body: "{", code: "malformed"},
		"empty":                  {code: "malformed"},
		"wrong type":             {body: `{"Qty":"three"}`, code: "malformed"},
		"number too large":       {body: `{"Qty":1e99}`, code: "malformed"},
		"deep":                   {body: strings.Repeat("[", 100_000), code: "malformed"},
		"unknown content type":   {header: nats.Header{"ce-datacontenttype": {"application/x-evil"}}, body: `{}`, code: "content_type"},
		"endless content type":   {header: nats.Header{"ce-datacontenttype": {strings.Repeat("x", 10_000)}}, body: `{}`, code: "content_type"},
		"gob, which nobody gave": {header: nats.Header{"ce-datacontenttype": {"application/x-gob"}}, body: `{}`, code: "content_type"},
		"binary":                 {header: nats.Header{"ce-datacontenttype": {"application/octet-stream"}}, body: `{}`, code: "malformed"},
		"timeout of letters":     {header: nats.Header{"Mediator-Timeout": {"soon"}}, body: `{}`, code: "malformed"},
		"timeout below zero":     {header: nats.Header{"Mediator-Timeout": {"-1"}}, body: `{}`, code: "malformed"},
		"timeout beyond int64":   {header: nats.Header{"Mediator-Timeout": {"9223372036854775808"}}, body: `{}`, code: "malformed"},
		"another type":           {header: nats.Header{"ce-type": {"shop.Ship"}}, body: `{}`, code: "malformed"},
		"another specification":  {header: nats.Header{"ce-specversion": {"0.3"}}, body: `{}`, code: "malformed"},
		"stream: no JSON":        {stream: true, body: "{", code: "malformed"},
		"stream: window 0":       {stream: true, header: nats.Header{"Mediator-Window": {"0"}}, body: `{}`, code: "malformed"},
		"stream: window huge":    {stream: true, header: nats.Header{"Mediator-Window": {"99999"}}, body: `{}`, code: "malformed"},
		"stream: window of text": {stream: true, header: nats.Header{"Mediator-Window": {"x"}}, body: `{}`, code: "malformed"},
		"stream: heartbeat 1ns":  {stream: true, header: nats.Header{"Mediator-Heartbeat": {"1"}}, body: `{}`, code: "malformed"},
		"stream: heartbeat text": {stream: true, header: nats.Header{"Mediator-Heartbeat": {"x"}}, body: `{}`, code: "malformed"},
		"stream: content type":   {stream: true, header: nats.Header{"ce-datacontenttype": {"a/b"}}, body: `{}`, code: "content_type"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			subject := placeSubject()
			if c.stream {
				subject = countSubject()
			}
			inbox := nc.NewInbox()
			replies, err := nc.SubscribeSync(inbox)
			require.NoError(t, err)
			defer func() { require.NoError(t, replies.Unsubscribe()) }()
			require.NoError(t, nc.PublishMsg(&nats.Msg{Subject: subject, Reply: inbox, Header: c.header, Data: []byte(c.body)}))
			for {
				reply, err := replies.NextMsgWithContext(ctx)
				require.NoError(t, err)
				switch {
				case reply.Header.Get(micro.ErrorCodeHeader) != "":
					require.Equal(t, c.code, reply.Header.Get(micro.ErrorCodeHeader))
					require.NotEmpty(t, reply.Header.Get(micro.ErrorHeader))
					require.True(t, json.Valid(reply.Data))
				case c.stream && reply.Data[0] == 'b':
					continue
				default: // the error came after the stream had begun
					require.True(t, c.stream)
					require.Equal(t, byte('x'), reply.Data[0])
					require.Contains(t, string(reply.Data), c.code)
				}
				return
			}
		})
	}
	// Nobody can be told, and nothing happens.
	require.NoError(t, nc.Publish(placeSubject(), []byte(`{}`)))
	require.NoError(t, nc.Publish(countSubject(), nil))
	require.NoError(t, nc.Publish("mediator.cancel.shop", []byte(strings.Repeat("x", 1<<19))))
	reply, err := nc.RequestWithContext(t.Context(), placeSubject(), []byte(`{"SKU":"x","Qty":2}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"SKU":"x","Cents":200}`, string(reply.Data))
	// A timeout of 292 years is one.
	reply, err = nc.RequestMsgWithContext(t.Context(), &nats.Msg{Subject: placeSubject(), Data: []byte(`{}`),
		Header: nats.Header{"Mediator-Timeout": {"9223372036854775807"}}})
	require.NoError(t, err)
	require.Empty(t, reply.Header)
}

func TestHostileReplies(t *testing.T) {
	n := embed(t)
	nc := rawConn(t, n)
	var reply *nats.Msg
	sub, err := nc.Subscribe(placeSubject(), func(m *nats.Msg) {
		reply.Subject = m.Reply
		_ = nc.PublishMsg(reply)
	})
	require.NoError(t, err)
	m := wired(t, natsmediator.Remote[place](n, "shop"))
	for _, msg := range []*nats.Msg{
		{Data: []byte("{")},
		{Data: nil},
		{Header: nats.Header{"ce-datacontenttype": {"a/b"}}, Data: []byte(`{}`)},
		{Header: nats.Header{micro.ErrorCodeHeader: {"x"}}, Data: []byte("\xff")},
	} {
		reply = msg
		require.NoError(t, nc.Flush())
		_, err := mediator.Send(t.Context(), m, place{})
		require.ErrorIs(t, err, natsmediator.ErrMalformed)
	}
	codes, err := json.Marshal(map[string]any{"codes": make([]string, 10_000), "message": strings.Repeat("x", 100_000), "retry_after_ns": int64(math.MinInt64)})
	require.NoError(t, err)
	reply = &nats.Msg{Header: nats.Header{micro.ErrorCodeHeader: {"x"}}, Data: codes}
	_, err = mediator.Send(t.Context(), m, place{})
	require.Less(t, len(err.Error()), 10_000)
	require.NoError(t, sub.Unsubscribe())
}

// byHand plays a service that answers the request of a stream with frames.
func byHand(t *testing.T, n *natsmediator.Node, frames ...[]byte) {
	nc := rawConn(t, n)
	control := nc.NewInbox()
	heard, err := nc.Subscribe(control, func(*nats.Msg) {})
	require.NoError(t, err)
	sub, err := nc.Subscribe(countSubject(), func(m *nats.Msg) {
		for _, f := range frames {
			_ = nc.PublishRequest(m.Reply, control, f)
		}
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, sub.Unsubscribe())
		require.NoError(t, heard.Unsubscribe())
	})
}

func frame(kind byte, number uint64, rest ...byte) []byte {
	return append(binary.AppendUvarint([]byte{kind}, number), rest...)
}

func TestBrokenStreamsAreErrorsAndNeverEnds(t *testing.T) {
	item := []byte{1, '7'}
	for name, c := range map[string]struct {
		frames [][]byte
		want   error
		items  int
		beat   time.Duration // only what is about silence goes by it
	}{
		"a frame is missing":             {frames: [][]byte{frame('b', 0), frame('i', 1, item...), frame('i', 3, item...), frame('e', 4)}, want: natsmediator.ErrConnection, items: 1},
		"the last frame is missing":      {frames: [][]byte{frame('b', 0), frame('i', 1, item...), frame('b', 2)}, want: natsmediator.ErrConnection, items: 1},
		"a frame comes twice":            {frames: [][]byte{frame('i', 1, item...), frame('i', 1, item...), frame('e', 2)}, want: natsmediator.ErrConnection, items: 1},
		"the first frame is missing":     {frames: [][]byte{frame('i', 2, item...)}, want: natsmediator.ErrConnection},
		"silence":                        {want: natsmediator.ErrConnection, beat: 20 * time.Millisecond},
		"silence after an item":          {frames: [][]byte{frame('b', 0), frame('i', 1, item...)}, want: natsmediator.ErrConnection, items: 1, beat: time.Second},
		"an empty message":               {frames: [][]byte{{}}, want: natsmediator.ErrMalformed},
		"an unknown kind":                {frames: [][]byte{frame('?', 1)}, want: natsmediator.ErrMalformed},
		"a number that never ends":       {frames: [][]byte{{'i', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, want: natsmediator.ErrMalformed},
		"no frame of many":               {frames: [][]byte{frame('m', 1)}, want: natsmediator.ErrMalformed},
		"half a length of many":          {frames: [][]byte{frame('m', 1, 0, 0, 0, 2, 1, '7', 0, 0)}, want: natsmediator.ErrMalformed, items: 1},
		"a frame longer than many":       {frames: [][]byte{frame('m', 1, 0, 0, 0, 2, 1, '7', 0xff, 0xff, 0xff, 0xff, 1)}, want: natsmediator.ErrMalformed, items: 1},
		"a frame behind many is missing": {frames: [][]byte{frame('m', 1, 0, 0, 0, 2, 1, '7', 0, 0, 0, 2, 1, '8'), frame('i', 2, item...)}, want: natsmediator.ErrConnection, items: 2},
		"an end with a tail":             {frames: [][]byte{frame('e', 1, 1)}, want: natsmediator.ErrMalformed},
		"an item longer than its frame":  {frames: [][]byte{frame('i', 1, 200, 1, 'x')}, want: natsmediator.ErrMalformed},
		"an item that is no JSON":        {frames: [][]byte{frame('i', 1, 1, '7', 1, '{', 1, '7')}, want: natsmediator.ErrMalformed, items: 1},
		"an error that is no JSON":       {frames: [][]byte{frame('x', 1, '{')}, want: natsmediator.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			n := embed(t)
			byHand(t, n, c.frames...)
			m := wired(t, natsmediator.RemoteStream[count](n, "shop", natsmediator.Heartbeat(cmp.Or(c.beat, time.Minute))))
			all, err := collect(mediator.Stream(t.Context(), m, count{}))
			require.ErrorIs(t, err, c.want)
			if c.items >= 0 {
				require.Len(t, all, c.items)
			}
		})
	}
}

// TestProducerThatDoesNotHeedTheWindow sends two thousand frames to a consumer
// that asked for one at a time and stays with the first.
func TestProducerThatDoesNotHeedTheWindow(t *testing.T) {
	n := embed(t)
	var frames [][]byte
	for i := range uint64(2000) {
		frames = append(frames, frame('i', i+1, 1, '7'))
	}
	byHand(t, n, frames...)
	m := wired(t, natsmediator.RemoteStream[count](n, "shop", natsmediator.Window(1), natsmediator.Heartbeat(time.Minute)))
	items, last := 0, error(nil)
	for _, err := range mediator.Stream(t.Context(), m, count{}) {
		if last = err; items == 0 {
			require.Eventually(t, func() bool { return rawConn(t, n).Stats().InMsgs > 2000 }, patience, 10*time.Millisecond)
		}
		items++
	}
	require.ErrorIs(t, last, natsmediator.ErrConnection)
	require.ErrorContains(t, last, "the producer does not heed the window")
	require.Less(t, items, 2000)
}

// TestConsumerByHand plays the consumer of a stream.
func TestConsumerByHand(t *testing.T) {
	n := embed(t)
	ended := make(chan error, 1)
	serve(t, wired(t, mediator.HandleStream(endless(ended))), n)
	nc := rawConn(t, n)
	open := func(heartbeat string) (*nats.Subscription, string) {
		inbox := nc.NewInbox()
		sub, err := nc.SubscribeSync(inbox)
		require.NoError(t, err)
		require.NoError(t, nc.PublishMsg(&nats.Msg{Subject: countSubject(), Reply: inbox, Data: []byte("{}"),
			Header: nats.Header{"Mediator-Window": {"2"}, "Mediator-Heartbeat": {heartbeat}}}))
		first, err := sub.NextMsg(patience)
		require.NoError(t, err)
		require.Equal(t, frame('b', 0), first.Data)
		return sub, first.Reply
	}
	t.Run("nonsense is no credit", func(t *testing.T) {
		sub, control := open("60000000000")
		for _, data := range []string{"", "c", "c\xff", "cc", "?", "ss", "c\x7f", "c\x00", "c\x01\x01"} {
			require.NoError(t, nc.PublishRequest(control, sub.Subject, []byte(data)))
		}
		for i := range uint64(2) {
			m, err := sub.NextMsg(patience)
			require.NoError(t, err)
			require.Equal(t, frame('i', i+1), m.Data[:2])
		}
		require.NoError(t, nc.PublishRequest(control, sub.Subject, []byte("c\x01")))
		m, err := sub.NextMsg(patience)
		require.NoError(t, err)
		require.Equal(t, frame('i', 3), m.Data[:2], "the third comes with the first credit")
		require.NoError(t, nc.PublishRequest(control, sub.Subject, []byte("s")))
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, sub.Unsubscribe())
	})
	t.Run("who is silent is dead", func(t *testing.T) {
		sub, _ := open("20000000")
		require.ErrorIs(t, <-ended, natsmediator.ErrConnection)
		require.NoError(t, sub.Unsubscribe())
	})
	t.Run("who is gone is noticed at once", func(t *testing.T) {
		sub, control := open("60000000000")
		require.NoError(t, sub.Unsubscribe())
		require.NoError(t, nc.Publish(control, []byte("c\x01")))
		require.ErrorIs(t, <-ended, natsmediator.ErrConnection)
	})
}
