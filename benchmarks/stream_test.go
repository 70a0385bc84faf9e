package benchmarks_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	streamItems  = 1_000_000
	chanCapacity = 128
)

// streamer is a contender for streams.
type streamer struct {
	name string
	// open wires a handler that yields n ticks; each call of run consumes one whole stream.
	open func(tb testing.TB, n int, p *probe) (run func(context.Context) (sum, error))
	// behaviors is how many stand around a run.
	behaviors int
}

var streamers = []streamer{
	{name: "baseline", open: openSeq},
	{name: "ours", open: openOursStream(0)},
	{name: "ours-5-behaviors", open: openOursStream(5), behaviors: 5},
	{name: "ro", open: openRo},
	{name: "ro-unsafe", open: openRoUnsafe},
}

var chanStreamers = []streamer{
	{name: "baseline", open: openChan},
	{name: "ours", open: openOursChan},
	{name: "ours-chan-handler", open: openOursChanHandler},
}

func BenchmarkStream(b *testing.B)     { benchStream(b, streamers) }
func BenchmarkStreamChan(b *testing.B) { benchStream(b, chanStreamers) }

func benchStream(b *testing.B, ss []streamer) {
	for _, s := range ss {
		b.Run(s.name, func(b *testing.B) {
			run := s.open(b, streamItems, nil)
			b.ReportAllocs()
			for b.Loop() {
				got, err := run(b.Context())
				if err != nil || got != wantSum(streamItems) {
					b.Fatalf("got %+v and error %v", got, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/streamItems, "ns/item")
		})
	}
}

func TestStream(t *testing.T)     { testStream(t, streamers) }
func TestStreamChan(t *testing.T) { testStream(t, chanStreamers) }

func testStream(t *testing.T, ss []streamer) {
	const n = 1000
	for _, s := range ss {
		t.Run(s.name, func(t *testing.T) {
			var p probe
			run := s.open(t, n, &p)
			for i := range 2 {
				got, err := run(t.Context())
				require.NoError(t, err)
				require.Equal(t, wantSum(n), got)
				require.EqualValues(t, i+1, p.handled.Load(), "runs of the handler")
				require.EqualValues(t, (i+1)*s.behaviors, p.behaved.Load(), "calls of the behaviors")
			}
		})
	}
}
