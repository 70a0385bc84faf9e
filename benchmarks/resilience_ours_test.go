package benchmarks_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

var (
	openRetry = layered(func(s sizes) []mediator.Behavior {
		return []mediator.Behavior{behaviors.Retry(retryConfig(s))}
	})
	openRecover  = layered(func(sizes) []mediator.Behavior { return []mediator.Behavior{behaviors.Recover()} })
	openFallback = layered(func(sizes) []mediator.Behavior {
		return []mediator.Behavior{behaviors.Fallback(func(context.Context, error) (receipt, error) { return sampleReceipt, nil })}
	})
	openValidate = layered(func(sizes) []mediator.Behavior { return []mediator.Behavior{behaviors.Validate()} })
	openBreaker  = layered(func(s sizes) []mediator.Behavior {
		return []mediator.Behavior{behaviors.CircuitBreaker(breakerConfig(s))}
	})
	openRateLimit = layered(func(s sizes) []mediator.Behavior {
		return []mediator.Behavior{behaviors.RateLimit(limiter(s))}
	})
	openBulkhead = layered(func(s sizes) []mediator.Behavior {
		return []mediator.Behavior{behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: s.places})}
	})
)

// checkedOrder is a [placeOrder] that can tell whether it is valid.
type checkedOrder struct {
	mediator.Returns[receipt]
	order
}

// Validate is called by the behavior of that name.
func (o checkedOrder) Validate() error {
	if o.Qty <= 0 {
		return errQty
	}
	return nil
}

func openValidateMethod(tb testing.TB, _ sizes, h handler) guarded {
	m := newMediator(tb, mediator.Use(behaviors.Validate()),
		mediator.Handle(func(ctx context.Context, q checkedOrder) (receipt, error) { return h(ctx, q.order) }))
	return guarded{call: func(ctx context.Context, o order) (receipt, error) {
		return mediator.Send(ctx, m, checkedOrder{order: o})
	}}
}

// openLimiterAlone is the limiter of RateLimit without a mediator.
func openLimiterAlone(_ testing.TB, s sizes, h handler) guarded {
	l := limiter(s)
	return guarded{call: func(ctx context.Context, o order) (receipt, error) {
		if !l.Allow() {
			return receipt{}, behaviors.ErrLimited
		}
		return h(ctx, o)
	}}
}

// openSix has the layers in the order that package behaviors asks for, but for the metrics, which the comparison
// wants inside of Recover.
func openSix(tb testing.TB, s sizes, h handler) guarded {
	r := behaviors.NewRecorder()
	m := newMediator(tb, handlePlace(h), mediator.Use(
		behaviors.Recover(),
		r,
		behaviors.RateLimit(limiter(s)),
		behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: s.places}),
		behaviors.Retry(retryConfig(s)),
		behaviors.CircuitBreaker(breakerConfig(s)),
	))
	return guarded{call: sendPlace(m), counted: func() int { return started(r) }}
}

func started(r *behaviors.Recorder) (n int) {
	for _, e := range r.Snapshot().Entries {
		n += int(e.Started)
	}
	return n
}

func openRecorder(tb testing.TB, s sizes, h handler) guarded {
	r := behaviors.NewRecorder()
	g := layered(func(sizes) []mediator.Behavior { return []mediator.Behavior{r} })(tb, s, h)
	g.counted = func() int { return started(r) }
	return g
}

func openStandard(tb testing.TB, s sizes, h handler) guarded { return standard(tb, s, h, nil) }

func openStandardRecorder(tb testing.TB, s sizes, h handler) guarded {
	return standard(tb, s, h, behaviors.NewRecorder())
}

// standard has a logger of warnings.
func standard(tb testing.TB, s sizes, h handler, r *behaviors.Recorder) guarded {
	logger := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	g := layered(func(sizes) []mediator.Behavior {
		return behaviors.Standard(behaviors.StandardConfig{Logger: logger, Recorder: r})
	})(tb, s, h)
	g.counted = func() int { return started(r) }
	return g
}

func limiter(s sizes) *behaviors.GCRA {
	return behaviors.NewLimiter(float64(s.burst)/s.period.Seconds(), s.burst)
}

func retryConfig(s sizes) behaviors.RetryConfig {
	return behaviors.RetryConfig{Retries: 3, Delay: s.retryDelay, Backoff: behaviors.Exponential}
}

func breakerConfig(s sizes) behaviors.BreakerConfig {
	return behaviors.BreakerConfig{FailureRatio: s.failureRatio, MinCalls: s.minCalls, Window: s.window}
}
