package natsmediator_test

import (
	"context"
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// elsewhere is Binary, but has the bytes of most items not where it was to append them.
type elsewhere struct{ natsmediator.Codec }

func (c elsewhere) Append(dst []byte, v any) ([]byte, error) {
	data, err := c.Codec.Append(nil, v)
	switch {
	case len(data)%3 == 0:
		return data, err
	case len(data)%3 == 1 && cap(dst) > len(data)+3:
		return append(dst[3:3], data...), err
	default:
		return append(dst, data...), err
	}
}

// TestStreamsOfAnyShape plays the consumer of streams with windows, sizes of items,
// pauses and credits drawn by lot. All items have to come, once and in order, within
// the window, and those ahead of a pause while the handler pauses.
func TestStreamsOfAnyShape(t *testing.T) {
	for name, c := range map[string]struct {
		runs, largest int
		maxPayload    int32
		codec         natsmediator.Codec
	}{
		"as it is":      {runs: 30, largest: 100_000, maxPayload: 1 << 20, codec: natsmediator.Binary()},
		"odd codec":     {runs: 30, largest: 100_000, maxPayload: 1 << 20, codec: elsewhere{natsmediator.Binary()}},
		"tiny messages": {runs: 15, largest: 270, maxPayload: 300, codec: elsewhere{natsmediator.Binary()}},
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Log("seed", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			n := embed(t, natsmediator.Codecs(c.codec), natsmediator.ServerOptions(func(o *server.Options) {
				noSync(o)
				o.MaxPayload = c.maxPayload
			}))
			var run *played
			serve(t, wired(t, mediator.HandleStream(func(ctx context.Context, _ samples[string]) iter.Seq2[string, error] {
				return run.items(ctx)
			}, mediator.Named("texts"))), n)
			for range c.runs {
				run = newPlayed(r, c.largest)
				run.consume(t, n, r, int(c.maxPayload))
			}
		})
	}
}

// played is what one stream is to be like.
type played struct {
	sizes  []int
	pauses map[int]chan struct{} // ahead of which items the handler pauses, until when
}

func newPlayed(r *rand.Rand, largest int) *played {
	s := &played{sizes: make([]int, r.IntN(2000)), pauses: map[int]chan struct{}{}}
	usual := []int{4, 130, 600}[r.IntN(3)]
	for i := range s.sizes {
		s.sizes[i] = min(r.IntN(usual), largest)
		switch r.IntN(300) {
		case 0:
			s.sizes[i] = r.IntN(largest + 1)
		case 1:
			s.pauses[i] = make(chan struct{})
		}
	}
	return s
}

// text is item i.
func (s *played) text(i int) string { return strings.Repeat(string(rune('a'+i%26)), s.sizes[i]) }

func (s *played) items(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range s.sizes {
			if pause := s.pauses[i]; pause != nil {
				select {
				case <-pause:
				case <-ctx.Done():
				}
			}
			if !yield(s.text(i), nil) {
				return
			}
		}
	}
}

func (s *played) consume(t *testing.T, n *natsmediator.Node, r *rand.Rand, maxPayload int) {
	window := []uint64{1, 2, 3, 4, 5, 8, 9, 40, 128, 4096}[r.IntN(10)]
	c := openByHand(t, rawConn(t, n), "texts", int(window))
	defer c.close()
	var waiting []uint64 // units of the frames that came and are not used up
	got, came, used, granted, largest := 0, uint64(0), uint64(0), uint64(0), uint64(1)
	for {
		if pause := s.pauses[got]; pause != nil && got < len(s.sizes) {
			close(pause)
		}
		pending, _, err := c.sub.Pending()
		require.NoError(t, err)
		use := r.IntN(len(waiting) + 1)
		if pending == 0 {
			use = len(waiting)
		}
		for _, units := range waiting[:use] {
			used += units
		}
		waiting = waiting[use:]
		if due := max(window/4, 1); c.control != "" && (pending == 0 && used > granted || used-granted >= due || r.IntN(20) == 0) {
			granted = used
			c.grant(used)
			if r.IntN(3) == 0 { // what comes twice, late, or makes no sense
				c.grant(used)
				c.grant(r.Uint64N(used + 1))
				c.grant(used + 1<<40)
			}
		}
		frames := c.next()
		if frames == nil {
			break
		}
		for _, frame := range frames {
			units := uint64(max(len(frame)-1, 0))/(32<<10) + 1
			came, largest, waiting = came+units, max(largest, units), append(waiting, units)
			first := got
			for rest := frame; len(rest) > 0; got++ {
				size, head := binary.Uvarint(rest)
				require.Less(t, got, len(s.sizes))
				if text := string(rest[head : head+int(size)]); text != s.text(got) {
					require.Equal(t, s.text(got), text)
				}
				rest = rest[head+int(size):]
			}
			require.Greater(t, got, first)
			require.LessOrEqual(t, got-first, 64)
		}
		require.Less(t, came-granted, window+largest, "of a window of %d", window)
		require.LessOrEqual(t, uint64(len(waiting)), window)
	}
	require.Equal(t, len(s.sizes), got)
	require.LessOrEqual(t, c.largest, maxPayload)
}
