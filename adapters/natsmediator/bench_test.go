package natsmediator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// quotes is a stream of items whose JSON has 36 bytes.
type quotes struct {
	mediator.Yields[string] `json:"-"`
	N                       int
}

func (quotes) MessageName() string { return "bench.Quotes" }

func manyQuotes(_ context.Context, q quotes) iter.Seq2[string, error] {
	item := strings.Repeat("q", 34)
	return func(yield func(string, error) bool) {
		for range q.N {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// p50 reports the median of the times of f.
func p50(b *testing.B, f func()) float64 {
	times := make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		start := time.Now()
		f()
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	median := float64(times[len(times)/2].Nanoseconds())
	b.ReportMetric(median, "p50-ns")
	return median
}

// BenchmarkSend compares a remote Send, all in this process, with a bare request
// of the same bytes, the headers too, whose server sends the same bytes back. The
// ratio is that of the medians.
func BenchmarkSend(b *testing.B) {
	node := embed(b)
	service := wired(b, mediator.Handle(placed))
	_, err := natsmediator.Serve(b.Context(), service, node, "shop")
	require.NoError(b, err)
	client := wired(b, natsmediator.Remote[place](node, "shop"))

	nc := rawConn(b, node)
	request, err := json.Marshal(place{SKU: "apple", Qty: 3})
	require.NoError(b, err)
	response, err := json.Marshal(order{SKU: "apple", Cents: 300})
	require.NoError(b, err)
	sub, err := nc.Subscribe("bare", func(m *nats.Msg) { _ = m.Respond(response) })
	require.NoError(b, err)
	defer func() { _ = sub.Unsubscribe() }()

	var bare, withHeaders float64
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		bare = p50(b, func() {
			if _, err := nc.RequestWithContext(ctx, "bare", request); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("bare-with-headers", func(b *testing.B) {
		b.ReportAllocs()
		withHeaders = p50(b, func() {
			msg := &nats.Msg{Subject: "bare", Data: request, Header: nats.Header{
				"ce-specversion": {"1.0"}, "ce-id": {nats.NewInbox()[7:]}, "ce-source": {"/mediator"}, "ce-type": {"shop.Place"},
				"ce-datacontenttype": {"application/json"}, "Mediator-Timeout": {"29999999999"},
			}}
			if _, err := nc.RequestMsgWithContext(ctx, msg); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("remote", func(b *testing.B) {
		b.ReportAllocs()
		remote := p50(b, func() {
			if _, err := mediator.Send(ctx, client, place{SKU: "apple", Qty: 3}); err != nil {
				b.Fatal(err)
			}
		})
		if bare > 0 {
			b.ReportMetric(remote/bare, "x-bare")
			b.ReportMetric(remote/withHeaders, "x-bare-with-headers")
		}
	})
}

// BenchmarkStream compares a remote stream with a message for each item, of which
// as many are on their way as the stream's window holds, and whose items are
// encoded and decoded the same way.
func BenchmarkStream(b *testing.B) {
	const items = 1_000_000
	node := embed(b)
	service := wired(b, mediator.HandleStream(manyQuotes))
	_, err := natsmediator.Serve(b.Context(), service, node, "bench")
	require.NoError(b, err)
	client := wired(b, natsmediator.RemoteStream[quotes](node, "bench"))
	nc := rawConn(b, node)

	var single float64
	b.Run("one-message-per-item", func(b *testing.B) {
		var took time.Duration
		for b.Loop() {
			start := time.Now()
			require.NoError(b, oneByOne(b.Context(), nc, items))
			took += time.Since(start)
		}
		single = float64(b.N) * items / took.Seconds()
		b.ReportMetric(single, "items/s")
	})
	b.Run("remote", func(b *testing.B) {
		var took time.Duration
		for b.Loop() {
			start, n := time.Now(), 0
			for _, err := range mediator.Stream(b.Context(), client, quotes{N: items}) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			took += time.Since(start)
			require.Equal(b, items, n)
		}
		rate := float64(b.N) * items / took.Seconds()
		b.ReportMetric(rate, "items/s")
		if single > 0 {
			b.ReportMetric(rate/single, "x-single")
		}
	})
}

// oneByOne sends n items as a message each, through a window of 2048 items, the
// 32 frames of 64 that a stream has, which the receiver opens as a stream does.
func oneByOne(ctx context.Context, nc *nats.Conn, n int) error {
	const window = 32 * 64
	item := strings.Repeat("q", 34)
	credit := make(chan int, window)
	failed := make(chan error, 2)
	done := make(chan struct{})
	data, acks := nc.NewInbox(), nc.NewInbox()
	ackSub, err := nc.Subscribe(acks, func(m *nats.Msg) {
		var k int
		if err := json.Unmarshal(m.Data, &k); err != nil {
			failed <- err
		}
		credit <- k
	})
	if err != nil {
		return err
	}
	defer func() { _ = ackSub.Unsubscribe() }()
	got, owed := 0, 0
	dataSub, err := nc.Subscribe(data, func(m *nats.Msg) {
		var s string
		if err := json.Unmarshal(m.Data, &s); err != nil || s != item {
			failed <- fmt.Errorf("%q: %w", s, err)
		}
		got++
		if owed++; owed == window/4 {
			_ = nc.Publish(acks, fmt.Append(nil, owed))
			owed = 0
		}
		if got == n {
			close(done)
		}
	})
	if err != nil {
		return err
	}
	defer func() { _ = dataSub.Unsubscribe() }()
	left := window
	for range n {
		for left == 0 {
			select {
			case k := <-credit:
				left += k
			case err := <-failed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		left--
		b, err := json.Marshal(item)
		if err != nil {
			return err
		}
		if err := nc.Publish(data, b); err != nil {
			return err
		}
	}
	select {
	case <-done:
		return nil
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
