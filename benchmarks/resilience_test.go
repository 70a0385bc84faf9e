package benchmarks_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
)

// handler is the work that a guard stands around.
type handler func(context.Context, order) (receipt, error)

// guard is a contender for resilience: one or more layers around a handler.
type guard struct {
	name string
	// open puts the layers around h. The result counts the calls where the layers do.
	open func(tb testing.TB, s sizes, h handler) guarded
	// does is what the layers have to be seen doing.
	does []effect
}

// guarded is a wired contender. Everything is called through one func value, also what runs without a mediator.
type guarded struct {
	call handler
	// counted returns how many calls the metrics have seen; nil without metrics.
	counted func() int
}

// sizes are what contenders have in common.
type sizes struct {
	burst, places, minCalls int
	failureRatio            float64
	window, retryDelay      time.Duration
	// period is the time in which burst calls are allowed.
	period time.Duration
}

// ample is never used up: what is timed is the way of a call that is let through and succeeds.
func ample() sizes {
	return sizes{
		burst: 1_000_000_000, places: 64, minCalls: 5, failureRatio: 0.5,
		window: time.Minute, retryDelay: time.Millisecond, period: time.Second,
	}
}

// layered has the layers stand around the handler of a mediator.
func layered(layers func(sizes) []mediator.Behavior) func(testing.TB, sizes, handler) guarded {
	return func(tb testing.TB, s sizes, h handler) guarded {
		m := newMediator(tb, mediator.Use(layers(s)...), handlePlace(h))
		return guarded{call: sendPlace(m)}
	}
}

func handlePlace(h handler) mediator.Option {
	return mediator.Handle(func(ctx context.Context, q placeOrder) (receipt, error) { return h(ctx, q.order) })
}

func sendPlace(m *mediator.Mediator) handler {
	return func(ctx context.Context, o order) (receipt, error) {
		return mediator.Send(ctx, m, placeOrder{order: o})
	}
}

// idle does nothing but call the next: the least that a behavior can be.
type idle struct{}

func (idle) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error { return next(ctx, c) }
}

// ScopedCall promises that the Call is kept nowhere, as most of package behaviors do.
func (idle) ScopedCall() bool { return true }

// promising is a [mediator.BehaviorFunc] that promises so, too.
type promising func(next mediator.Next) mediator.Next

func (f promising) Wrap(next mediator.Next) mediator.Next { return f(next) }
func (promising) ScopedCall() bool                        { return true }

// openIdle is a mediator with n behaviors that do nothing.
func openIdle(n int) func(testing.TB, sizes, handler) guarded {
	return layered(func(sizes) []mediator.Behavior {
		bs := make([]mediator.Behavior, n)
		for i := range bs {
			bs[i] = idle{}
		}
		return bs
	})
}

var layers = []guard{
	{name: "baseline", open: openIdle(1)},
	{name: "retry", open: openRetry, does: []effect{retries}},
	{name: "recover", open: openRecover, does: []effect{recovers}},
	{name: "fallback", open: openFallback, does: []effect{fallsBack}},
	{name: "validate", open: openValidate},
	{name: "validate-method", open: openValidateMethod, does: []effect{validates}},
}

var recorders = []guard{
	{name: "baseline", open: openIdle(1)},
	{name: "ours", open: openRecorder, does: []effect{counts}},
}

var standards = []guard{
	{name: "baseline", open: openStandard, does: []effect{recovers}},
	{name: "ours", open: openStandardRecorder, does: []effect{recovers, counts}},
}

var breakers = []guard{
	{name: "baseline", open: openGobreaker, does: []effect{breaks}},
	{name: "ours", open: openBreaker, does: []effect{breaks}},
	{name: "noop", open: openIdle(1)},
	{name: "alone", open: openGobreakerAlone, does: []effect{breaks}},
}

var rateLimits = []guard{
	{name: "baseline", open: openRate, does: []effect{limits}},
	{name: "ours", open: openRateLimit, does: []effect{limits}},
	{name: "ours-alone", open: openLimiterAlone, does: []effect{limits}},
	{name: "noop", open: openIdle(1)},
	{name: "alone", open: openRateAlone, does: []effect{limits}},
}

var bulkheads = []guard{
	{name: "baseline", open: openSemaphore, does: []effect{bounds, leaves}},
	{name: "ours", open: openBulkhead, does: []effect{bounds, leaves}},
	{name: "noop", open: openIdle(1)},
	{name: "alone", open: openSemaphoreAlone, does: []effect{bounds, leaves}},
}

// The bulkhead of failsafe-go keeps the place of a call that panicked, so leaves is not asked of it.
var sixLayers = []guard{
	{name: "baseline", open: openFailsafePolicies, does: []effect{recovers, counts, limits, bounds, retries, breaks}},
	{name: "ours", open: openSix, does: []effect{recovers, counts, limits, bounds, leaves, retries, breaks}},
	{name: "noop", open: openIdle(6)},
	{name: "four", open: openFailsafe, does: []effect{recovers, counts, limits, bounds, retries, breaks}},
	{name: "four-alone", open: openFailsafeAlone, does: []effect{recovers, counts, limits, bounds, retries, breaks}},
}

func BenchmarkLayer(b *testing.B)                  { benchGuards(b, layers) }
func BenchmarkRecorder(b *testing.B)               { benchGuards(b, recorders) }
func BenchmarkStandardRecorder(b *testing.B)       { benchGuards(b, standards) }
func BenchmarkCircuitBreaker(b *testing.B)         { benchGuards(b, breakers) }
func BenchmarkCircuitBreakerParallel(b *testing.B) { benchGuardsParallel(b, breakers) }
func BenchmarkRateLimit(b *testing.B)              { benchGuards(b, rateLimits) }
func BenchmarkBulkhead(b *testing.B)               { benchGuards(b, bulkheads) }
func BenchmarkSixLayers(b *testing.B)              { benchGuards(b, sixLayers) }

func benchGuards(b *testing.B, gs []guard) {
	for _, g := range gs {
		b.Run(g.name, func(b *testing.B) {
			call, ctx := checkedGuard(b, g), b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if r, err := call(ctx, sample); err != nil || r.Total != sampleReceipt.Total {
					b.Fatal(r, err)
				}
			}
		})
	}
}

// benchGuardsParallel calls from all cores; see [benchSendParallel] for the metric.
func benchGuardsParallel(b *testing.B, gs []guard) {
	for _, g := range gs {
		b.Run(g.name, func(b *testing.B) {
			call, ctx := checkedGuard(b, g), b.Context()
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if r, err := call(ctx, sample); err != nil || r.Total != sampleReceipt.Total {
						b.Error(r, err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())*float64(runtime.GOMAXPROCS(0))/float64(b.N), "ns/core")
		})
	}
}

// checkedGuard wires g as it will be timed and makes sure of its answer first.
func checkedGuard(tb testing.TB, g guard) handler {
	tb.Helper()
	call := g.open(tb, ample(), place).call
	got, err := call(tb.Context(), sample)
	require.NoError(tb, err)
	require.Equal(tb, sampleReceipt, got)
	return call
}
