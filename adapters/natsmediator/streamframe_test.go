package natsmediator_test

import (
	"context"
	"encoding/binary"
	"iter"
	"strconv"
	"strings"
	"sync"
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
			for body := range framesOf(t, rawConn(t, n), "texts") {
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
func framesOf(t *testing.T, nc *nats.Conn, name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		c := openByHand(t, nc, name, 8)
		defer c.close()
		for used := uint64(0); ; {
			frames := c.next()
			if frames == nil {
				return
			}
			for _, f := range frames {
				if !yield(f) {
					return
				}
				c.grant(used)
				used += uint64(max(len(f)-1, 0))/(32<<10) + 1
			}
		}
	}
}

// byHandConsumer is a consumer of a stream of Binary.
type byHandConsumer struct {
	t       *testing.T
	nc      *nats.Conn
	sub     *nats.Subscription
	control string
	number  uint64 // of the last frame
	largest int    // message
}

func openByHand(t *testing.T, nc *nats.Conn, name string, window int) *byHandConsumer {
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	require.NoError(t, err)
	require.NoError(t, nc.PublishMsg(&nats.Msg{Subject: natsmediator.StreamSubject("mediator", "shop", name, 1), Reply: inbox, Header: nats.Header{
		"ce-datacontenttype": {"application/octet-stream"}, "Mediator-Window": {strconv.Itoa(window)}, "Mediator-Heartbeat": {"60000000000"}}}))
	return &byHandConsumer{t: t, nc: nc, sub: sub}
}

// next returns the frames of the next message of items, nil at the end.
func (c *byHandConsumer) next() [][]byte {
	for {
		msg, err := c.sub.NextMsg(patience)
		require.NoError(c.t, err)
		c.control, c.largest = msg.Reply, max(c.largest, len(msg.Data))
		number, n := binary.Uvarint(msg.Data[1:])
		rest := msg.Data[1+n:]
		if kind := msg.Data[0]; kind != 'b' {
			require.Equal(c.t, c.number+1, number)
		}
		switch msg.Data[0] {
		case 'b':
			require.Equal(c.t, c.number, number)
		case 'e':
			return nil
		case 'i':
			c.number++
			return [][]byte{rest}
		case 'm':
			var frames [][]byte
			for ; len(rest) > 0; c.number++ {
				size := binary.BigEndian.Uint32(rest)
				frames = append(frames, rest[4:4+size])
				rest = rest[4+size:]
			}
			require.Greater(c.t, len(frames), 1, "a frame alone needs no length")
			return frames
		default:
			require.Fail(c.t, "no frame", "%q", msg.Data)
		}
	}
}

func (c *byHandConsumer) grant(used uint64) {
	require.NoError(c.t, c.nc.PublishRequest(c.control, c.sub.Subject, binary.AppendUvarint([]byte{'c'}, used)))
}

func (c *byHandConsumer) close() { require.NoError(c.t, c.sub.Unsubscribe()) }

// TestFramesTravelTogether has a handler run ahead of its consumer and pause: frames
// come together in messages, within the window, and what is held comes as soon as
// the consumer has nothing left to do, although the handler yields nothing.
func TestFramesTravelTogether(t *testing.T) {
	const window, frames = 64, 100
	for _, size := range []int{0, 10, 100, 300} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			release := make(chan struct{})
			end := sync.OnceFunc(func() { close(release) })
			defer end()
			n := embed(t, natsmediator.ServerOptions(noSync))
			serve(t, wired(t, mediator.HandleStream(func(ctx context.Context, _ samples[string]) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for range frames * 64 {
						if !yield(strings.Repeat("x", size), nil) {
							return
						}
					}
					select {
					case <-release:
					case <-ctx.Done():
					}
				}
			}, mediator.Named("texts"))), n)
			c := openByHand(t, rawConn(t, n), "texts", window)
			defer c.close()
			got, used, granted, messages := 0, uint64(0), uint64(0), 0
			read := func() {
				for _, f := range c.next() {
					for rest := f; len(rest) > 0; got++ {
						length, head := binary.Uvarint(rest)
						require.EqualValues(t, size, length)
						rest = rest[head+size:]
					}
					used++
				}
				messages++
			}
			for used < window { // it grants nothing, so all that the window lets through comes
				read()
			}
			require.EqualValues(t, window, used)
			if size*64 < 14<<10 {
				require.Less(t, messages, window*3/4, "a message for each frame")
			} else {
				require.Equal(t, window, messages, "large frames go alone")
			}
			for got < frames*64 {
				pending, _, err := c.sub.Pending()
				require.NoError(t, err)
				if pending == 0 || used-granted >= window/4 {
					granted = used
					c.grant(used)
				}
				read()
				require.LessOrEqual(t, used-granted, uint64(window))
			}
			require.Less(t, c.largest, 48<<10)
			end()
			require.Nil(t, c.next())
		})
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
