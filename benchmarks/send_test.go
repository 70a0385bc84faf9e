package benchmarks_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// sender is a contender for request and response.
type sender struct {
	name string
	// open wires one handler behind the given number of behaviors that do nothing but call the next.
	open func(tb testing.TB, behaviors int, p *probe) sendRun
	// plain says that the contender has no behaviors.
	plain bool
	// from is how many behaviors it takes for the contender to differ from others.
	from int
}

// sendRun is a wired contender. The loops call the contender in their own bodies: behind a func value the cheap
// ones would be measured together with the cost of that.
type sendRun struct {
	send     func(context.Context, order) (receipt, error)
	loop     func(context.Context, *testing.B)
	parallel func(context.Context, *testing.B, *testing.PB)
}

var senders = []sender{
	{name: "baseline", open: openDirect, plain: true},
	{name: "ours", open: openOurs},
	{name: "ours-scoped", open: openOursScoped, from: 1},
	{name: "map", open: openRegistry},
}

func BenchmarkSend(b *testing.B)           { benchSend(b, 0) }
func BenchmarkSendParallel(b *testing.B)   { benchSendParallel(b) }
func BenchmarkSendBehaviors1(b *testing.B) { benchSend(b, 1) }
func BenchmarkSendBehaviors5(b *testing.B) { benchSend(b, 5) }

// benchSend measures a Send through the given number of behaviors; the baseline stays the direct call.
func benchSend(b *testing.B, behaviors int) {
	for _, s := range senders {
		if behaviors < s.from {
			continue
		}
		b.Run(s.name, func(b *testing.B) {
			run := checkedSend(b, s, behaviors)
			b.ReportAllocs()
			run.loop(b.Context(), b)
		})
	}
}

// benchSendParallel measures Send on all cores. The metric ns/core is the time that one core spends on a call:
// where nothing is shared, it equals the ns/op of the same contender in BenchmarkSend.
func benchSendParallel(b *testing.B) {
	for _, s := range senders {
		if s.from > 0 {
			continue
		}
		b.Run(s.name, func(b *testing.B) {
			run := checkedSend(b, s, 0)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) { run.parallel(b.Context(), b, pb) })
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())*float64(runtime.GOMAXPROCS(0))/float64(b.N), "ns/core")
		})
	}
}

// checkedSend wires s as it will be timed and makes sure of its answer first.
func checkedSend(tb testing.TB, s sender, behaviors int) sendRun {
	tb.Helper()
	run := s.open(tb, behaviors, nil)
	got, err := run.send(tb.Context(), sample)
	require.NoError(tb, err)
	require.Equal(tb, sampleReceipt, got)
	return run
}

func TestSend(t *testing.T) {
	for _, s := range senders {
		for _, behaviors := range []int{0, 1, 5} {
			t.Run(s.name+"/"+strconv.Itoa(behaviors), func(t *testing.T) {
				var p probe
				run := s.open(t, behaviors, &p)

				got, err := run.send(t.Context(), sample)
				require.NoError(t, err)
				require.Equal(t, sampleReceipt, got)
				require.EqualValues(t, 1, p.handled.Load(), "calls of the handler")
				if !s.plain {
					require.EqualValues(t, behaviors, p.behaved.Load(), "calls of the behaviors")
				}

				_, err = run.send(t.Context(), order{SKU: "kettle-2"})
				require.ErrorIs(t, err, errQty)
				require.EqualValues(t, 2, p.handled.Load(), "calls of the handler")
			})
		}
	}
}

// TestSendLoops runs the loops that are timed, which are other code than send, and counts.
func TestSendLoops(t *testing.T) {
	for _, s := range senders {
		t.Run(s.name, func(t *testing.T) {
			var p probe
			run := s.open(t, 1, &p)
			res := testing.Benchmark(func(b *testing.B) { run.loop(t.Context(), b) })
			require.Positive(t, res.N)
			looped := p.handled.Load()
			require.GreaterOrEqual(t, looped, int64(res.N))

			res = testing.Benchmark(func(b *testing.B) {
				b.RunParallel(func(pb *testing.PB) { run.parallel(t.Context(), b, pb) })
			})
			require.Positive(t, res.N)
			require.GreaterOrEqual(t, p.handled.Load()-looped, int64(res.N))
			if !s.plain {
				require.Equal(t, p.handled.Load(), p.behaved.Load())
			}
		})
	}
}
