package benchmarks_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	bufferCapacity = 1024
	slowItems      = 400_000
	pressureDepth  = bufferCapacity / 2
)

// buffers are contenders for a boundary that loses nothing.
var buffers = []streamer{
	{name: "baseline", open: openChanOf(bufferCapacity)},
	{name: "ours", open: openOursBuffer},
}

// BenchmarkBuffer has a producer and a consumer that both do nothing else.
func BenchmarkBuffer(b *testing.B) { benchStreamOf(b, buffers, streamItems) }

func TestBuffer(t *testing.T) { testStream(t, buffers) }

// handOvers are contenders whose producer waits after each item until the consumer has got it.
var handOvers = []streamer{
	{name: "baseline", open: openChanHandOver},
	{name: "ours", open: openOursHandOver},
}

const handedOver = 10_000

// BenchmarkBufferHandOver is the time from an item to the producer's learning of its arrival, and shows that no item
// waits for company.
func BenchmarkBufferHandOver(b *testing.B) { benchStreamOf(b, handOvers, handedOver) }

func TestBufferHandOver(t *testing.T) { testStream(t, handOvers) }

// benchStreamOf is benchStream for another number of items.
func benchStreamOf(b *testing.B, ss []streamer, n int) {
	for _, s := range ss {
		b.Run(s.name, func(b *testing.B) {
			run := s.open(b, n, nil)
			b.ReportAllocs()
			for b.Loop() {
				if got, err := run(b.Context()); err != nil || got != wantSum(n) {
					b.Fatalf("got %+v and error %v", got, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
		})
	}
}

// slowRun is what a producer has come to that did not wait for its consumer.
type slowRun struct {
	took time.Duration // the producer's time for its items
	got  []int         // the numbers of the items that the consumer took
}

// slowConsumer takes an item each tenth of a millisecond, until the producer has ended.
type slowConsumer struct {
	ended atomic.Bool
	got   []int
}

// take returns false if the consumer wants no more.
func (c *slowConsumer) take(t tick) bool {
	c.got = append(c.got, t.Seq)
	time.Sleep(100 * time.Microsecond)
	return !c.ended.Load()
}

// dropper is a contender for a boundary with a slow consumer.
type dropper struct {
	name string
	open func(testing.TB) (run func(ctx context.Context, n int) (slowRun, error))
}

var (
	oldestDroppers = []dropper{{"baseline", openChanDropOldest(bufferCapacity)}, {"ours", openOursDropOldest}}
	latestKeepers  = []dropper{{"baseline", openChanDropOldest(1)}, {"ours", openOursLatest}}
	samplers       = []dropper{{"baseline", openChanSample}, {"ours", openOursSample}}
)

func BenchmarkSlowDropOldest(b *testing.B) { benchSlow(b, oldestDroppers) }
func BenchmarkSlowLatest(b *testing.B)     { benchSlow(b, latestKeepers) }
func BenchmarkSlowSample(b *testing.B)     { benchSlow(b, samplers) }

// benchSlow reports the producer's time an item.
func benchSlow(b *testing.B, ds []dropper) {
	for _, d := range ds {
		b.Run(d.name, func(b *testing.B) {
			run := d.open(b)
			b.ReportAllocs()
			var took time.Duration
			for b.Loop() {
				r, err := run(b.Context(), slowItems)
				if err != nil || len(r.got) == 0 {
					b.Fatalf("got %d items and error %v", len(r.got), err)
				}
				took += r.took
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/slowItems, "ns/item")
		})
	}
}

func TestSlow(t *testing.T) {
	const n = 100_000
	for name, ds := range map[string][]dropper{"DropOldest": oldestDroppers, "Latest": latestKeepers, "Sample": samplers} {
		for _, d := range ds {
			t.Run(name+"/"+d.name, func(t *testing.T) {
				r, err := d.open(t)(t.Context(), n)
				require.NoError(t, err)
				require.NotEmpty(t, r.got)
				require.Less(t, len(r.got), n/10, "the consumer is slow")
				require.IsIncreasing(t, r.got)
				require.Positive(t, r.took)
			})
		}
	}
}
