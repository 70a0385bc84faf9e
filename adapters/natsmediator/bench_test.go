package natsmediator_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// quote is an item of 36 bytes.
type quote struct {
	ID       uint64
	Bid, Ask float64
	At       int64
	Size     uint32
}

func (q quote) AppendBinary(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint64(b, q.ID)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(q.Bid))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(q.Ask))
	b = binary.BigEndian.AppendUint64(b, uint64(q.At))
	return binary.BigEndian.AppendUint32(b, q.Size), nil
}

func (q *quote) UnmarshalBinary(b []byte) error {
	if len(b) != 36 {
		return fmt.Errorf("a quote of %d bytes", len(b))
	}
	q.ID = binary.BigEndian.Uint64(b)
	q.Bid = math.Float64frombits(binary.BigEndian.Uint64(b[8:]))
	q.Ask = math.Float64frombits(binary.BigEndian.Uint64(b[16:]))
	q.At = int64(binary.BigEndian.Uint64(b[24:]))
	q.Size = binary.BigEndian.Uint32(b[32:])
	return nil
}

type quotes struct {
	mediator.Yields[quote]
	N int64
}

func (quotes) MessageName() string { return "bench.Quotes" }

func manyQuotes(_ context.Context, q quotes) iter.Seq2[quote, error] {
	return func(yield func(quote, error) bool) {
		for i := range q.N {
			if !yield(quote{ID: uint64(i), Bid: 1, Ask: 2, At: i, Size: 7}, nil) {
				return
			}
		}
	}
}

// texts is a stream of items whose JSON has 36 bytes.
type texts struct {
	mediator.Yields[string]
	N int64
}

func (texts) MessageName() string { return "bench.Texts" }

var text34 = strings.Repeat("q", 34)

func manyTexts(_ context.Context, q texts) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for range q.N {
			if !yield(text34, nil) {
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

// BenchmarkStream compares a remote stream of a million items of 36 bytes with a
// message for each item, of which as many are on their way as the stream's window
// holds, and whose items are encoded and decoded by the same codec.
func BenchmarkStream(b *testing.B) {
	node := embed(b)
	service := wired(b, mediator.HandleStream(manyQuotes), mediator.HandleStream(manyTexts))
	_, err := natsmediator.Serve(b.Context(), service, node, "bench")
	require.NoError(b, err)
	client := wired(b,
		natsmediator.RemoteStream[quotes](node, "bench", natsmediator.Encoding("application/octet-stream")),
		natsmediator.RemoteStream[texts](node, "bench"))
	nc := rawConn(b, node)
	b.Run("binary", func(b *testing.B) {
		compareStreams(b, nc, natsmediator.Binary(), quote{Bid: 1, Ask: 2, At: 3, Size: 7}, mediator.Stream(b.Context(), client, quotes{N: million}))
	})
	b.Run("json", func(b *testing.B) {
		compareStreams(b, nc, natsmediator.JSON(), text34, mediator.Stream(b.Context(), client, texts{N: million}))
	})
}

const million = 1_000_000

func compareStreams[T any](b *testing.B, nc *nats.Conn, codec natsmediator.Codec, item T, remote iter.Seq2[T, error]) {
	rate := func(b *testing.B, f func()) float64 {
		var took time.Duration
		for b.Loop() {
			start := time.Now()
			f()
			took += time.Since(start)
		}
		r := float64(b.N) * million / took.Seconds()
		b.ReportMetric(r, "items/s")
		return r
	}
	var single float64
	b.Run("one-message-per-item", func(b *testing.B) {
		single = rate(b, func() { require.NoError(b, oneByOne(b.Context(), nc, codec, item, million)) })
	})
	b.Run("remote", func(b *testing.B) {
		framed := rate(b, func() {
			n := 0
			for _, err := range remote {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			require.Equal(b, million, n)
		})
		if single > 0 {
			b.ReportMetric(framed/single, "x-single")
		}
	})
}

// oneByOne sends n items as a message each, through a window of as many items as
// the frames of a stream's hold, which the receiver opens as a stream does.
func oneByOne[T any](ctx context.Context, nc *nats.Conn, codec natsmediator.Codec, item T, n int) error {
	const window = natsmediator.DefaultWindow * 64
	credit := make(chan int, window)
	failed := make(chan error, 1)
	done := make(chan struct{})
	data, acks := nc.NewInbox(), nc.NewInbox()
	ackSub, err := nc.Subscribe(acks, func(m *nats.Msg) { credit <- int(binary.BigEndian.Uint32(m.Data)) })
	if err != nil {
		return err
	}
	defer func() { _ = ackSub.Unsubscribe() }()
	messages := make(chan *nats.Msg, window)
	dataSub, err := nc.ChanSubscribe(data, messages)
	if err != nil {
		return err
	}
	defer func() { _ = dataSub.Unsubscribe() }()
	go func() {
		owed := 0
		for range n {
			m := <-messages
			var v T
			if err := codec.Decode(m.Data, &v); err != nil {
				failed <- err
				return
			}
			if owed++; owed == window/4 {
				_ = nc.Publish(acks, binary.BigEndian.AppendUint32(nil, uint32(owed)))
				owed = 0
			}
		}
		close(done)
	}()
	left := window
	var buffer []byte
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
		if buffer, err = codec.Append(buffer[:0], item); err != nil {
			return err
		}
		if err := nc.Publish(data, buffer); err != nil {
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
