package benchmarks_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/fsmediator/mediator"
)

var (
	errLimited = errors.New("too many calls")
	errFull    = errors.New("too many calls at a time")
)

// newGobreaker has the rolling window in ten buckets and opens by the ratio of failures, as the mediator's does.
func newGobreaker[T any](s sizes) *gobreaker.CircuitBreaker[T] {
	return gobreaker.NewCircuitBreaker[T](gobreaker.Settings{
		Name: "place", Interval: s.window, BucketPeriod: s.window / 10,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.Requests >= uint32(s.minCalls) && float64(c.TotalFailures)/float64(c.Requests) >= s.failureRatio
		},
	})
}

func openGobreaker(tb testing.TB, s sizes, h handler) guarded {
	return layered(func(s sizes) []mediator.Behavior {
		cb := newGobreaker[struct{}](s)
		return []mediator.Behavior{promising(func(next mediator.Next) mediator.Next {
			return func(ctx context.Context, c mediator.Call) error {
				_, err := cb.Execute(func() (struct{}, error) { return struct{}{}, next(ctx, c) })
				return err
			}
		})}
	})(tb, s, h)
}

func openGobreakerAlone(_ testing.TB, s sizes, h handler) guarded {
	cb := newGobreaker[receipt](s)
	return guarded{call: func(ctx context.Context, o order) (receipt, error) {
		return cb.Execute(func() (receipt, error) { return h(ctx, o) })
	}}
}

func newRate(s sizes) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(s.burst)/s.period.Seconds()), s.burst)
}

func openRate(tb testing.TB, s sizes, h handler) guarded {
	return layered(func(s sizes) []mediator.Behavior {
		l := newRate(s)
		return []mediator.Behavior{promising(func(next mediator.Next) mediator.Next {
			return func(ctx context.Context, c mediator.Call) error {
				if !l.Allow() {
					return errLimited
				}
				return next(ctx, c)
			}
		})}
	})(tb, s, h)
}

func openRateAlone(_ testing.TB, s sizes, h handler) guarded {
	l := newRate(s)
	return guarded{call: func(ctx context.Context, o order) (receipt, error) {
		if !l.Allow() {
			return receipt{}, errLimited
		}
		return h(ctx, o)
	}}
}

// openSemaphore releases in a deferred call, as the mediator's bulkhead does: a panic of the handler would keep the
// place otherwise.
func openSemaphore(tb testing.TB, s sizes, h handler) guarded {
	return layered(func(s sizes) []mediator.Behavior {
		places := semaphore.NewWeighted(int64(s.places))
		return []mediator.Behavior{promising(func(next mediator.Next) mediator.Next {
			return func(ctx context.Context, c mediator.Call) error {
				if !places.TryAcquire(1) {
					return errFull
				}
				defer places.Release(1)
				return next(ctx, c)
			}
		})}
	})(tb, s, h)
}

func openSemaphoreAlone(_ testing.TB, s sizes, h handler) guarded {
	places := semaphore.NewWeighted(int64(s.places))
	return guarded{call: func(ctx context.Context, o order) (receipt, error) {
		if !places.TryAcquire(1) {
			return receipt{}, errFull
		}
		defer places.Release(1)
		return h(ctx, o)
	}}
}
