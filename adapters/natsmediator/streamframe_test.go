package natsmediator_test

import (
	"context"
	"encoding/binary"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// TestFramesAreFullAndBounded looks at the frames of a stream: they have 64 items, or 32 KiB, or the one item that is larger.
func TestFramesAreFullAndBounded(t *testing.T) {
	const bytes = 32 << 10
	for _, size := range []int{0, 10, 126, 127, 128, 510, 511, 1000, 16_383, 16_384, bytes - 20, bytes, 100_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			const items = 200
			n := embed(t, natsmediator.ServerOptions(noSync))
			serve(t, wired(t, mediator.HandleStream(func(context.Context, samples[string]) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for range items {
						if !yield(strings.Repeat("x", size), nil) {
							return
						}
					}
				}
			}, mediator.Named("texts"))), n)
			got, frames := 0, 0
			for body := range framesOf(t, rawConn(t, n), natsmediator.StreamSubject("mediator", "shop", "texts", 1)) {
				inFrame := 0
				for rest := body; len(rest) > 0; inFrame++ {
					length, head := binary.Uvarint(rest)
					require.EqualValues(t, size, length)
					rest = rest[head+size:]
				}
				require.Positive(t, inFrame)
				require.LessOrEqual(t, inFrame, 64)
				require.True(t, len(body) <= bytes || inFrame == 1, "%d bytes", len(body))
				got += inFrame
				frames++
			}
			require.Equal(t, items, got)
			perFrame := min(64, max(1, (bytes-40)/(size+binary.MaxVarintLen64)))
			require.LessOrEqual(t, frames, items/perFrame+2, "but for the first and the last they are full")
		})
	}
}

// framesOf consumes a stream of Binary by hand, with a window of eight frames, and
// yields what its frames hold. It is always one behind, for a consumer that has nothing
// to do is sent what there is.
func framesOf(t *testing.T, nc *nats.Conn, subject string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		inbox := nc.NewInbox()
		sub, err := nc.SubscribeSync(inbox)
		require.NoError(t, err)
		defer func() { require.NoError(t, sub.Unsubscribe()) }()
		require.NoError(t, nc.PublishMsg(&nats.Msg{Subject: subject, Reply: inbox, Header: nats.Header{
			"ce-datacontenttype": {"application/octet-stream"}, "Mediator-Window": {"8"}, "Mediator-Heartbeat": {"60000000000"}}}))
		for used := uint64(0); ; {
			msg, err := sub.NextMsg(patience)
			require.NoError(t, err)
			if msg.Data[0] == 'e' {
				return
			}
			if msg.Data[0] == 'b' {
				continue
			}
			require.Equal(t, byte('i'), msg.Data[0], "%s", msg.Data)
			_, head := binary.Uvarint(msg.Data[1:])
			if !yield(msg.Data[1+head:]) {
				return
			}
			require.NoError(t, nc.PublishRequest(msg.Reply, inbox, binary.AppendUvarint([]byte{'c'}, used)))
			used += uint64(len(msg.Data)-1)/(32<<10) + 1
		}
	}
}

// TestIdleStreamStaysAlive has first the handler and then the consumer do nothing for
// longer than a peer may be silent.
func TestIdleStreamStaysAlive(t *testing.T) {
	const heartbeat = 200 * time.Millisecond
	idle := func(ctx context.Context) {
		select { // the time is what it is about
		case <-time.After(4 * heartbeat):
		case <-ctx.Done():
		}
	}
	m := streamed(t, func(ctx context.Context, _ count) iterSeq {
		return func(yield func(int, error) bool) {
			if yield(1, nil) {
				idle(ctx)
				yield(2, ctx.Err())
			}
		}
	}, natsmediator.Heartbeat(heartbeat))
	var got []int
	for i, err := range mediator.Stream(t.Context(), m, count{}) {
		require.NoError(t, err)
		got = append(got, i)
		if i == 2 {
			idle(t.Context())
		}
	}
	require.Equal(t, []int{1, 2}, got)
}
