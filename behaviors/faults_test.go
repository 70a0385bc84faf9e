package behaviors_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// streaming are all behaviors around a stream.
func streaming() map[string][]mediator.Behavior {
	quiet := behaviors.StreamingConfig{Logger: slog.New(slog.DiscardHandler), Recorder: behaviors.NewRecorder()}
	guard := behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Usage: func() uint64 { return 0 }})
	all := map[string][]mediator.Behavior{
		"resilience": behaviors.StreamingResilience(quiet),
		"platinum":   behaviors.StreamingPlatinum(quiet),
		"every one":  nil,
	}
	for _, b := range []mediator.Behavior{
		behaviors.Log(slog.New(writeNothing{slog.DiscardHandler})), behaviors.NewRecorder(),
		behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil }),
		behaviors.Recover(), behaviors.Slow(behaviors.SlowConfig{MinRate: 1}),
		behaviors.Coalesce(func(mediator.Call) string { return "key" }), behaviors.Validate(), guard,
		behaviors.RateLimit(unlimited{}), behaviors.RateLimitWait(unlimited{}, time.Second),
		behaviors.Bulkhead(behaviors.BulkheadConfig{}),
		behaviors.Retry(behaviors.RetryConfig{AttemptTimeout: time.Hour, MaxTotal: time.Hour, Stream: behaviors.SkipDelivered}),
		behaviors.CircuitBreaker(behaviors.BreakerConfig{}), behaviors.Hedge(behaviors.HedgeConfig{}), behaviors.Timeout(time.Hour),
	} {
		all[nameOf(b)] = []mediator.Behavior{b}
		all["every one"] = append(all["every one"], b)
	}
	return all
}

// Every streaming behavior but one added an unbounded queue.
func TestFault2NoBehaviorQueuesItems(t *testing.T) {
	for name, bs := range streaming() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				produced, consumed := 0, 0
				stream := counter(t, bs...)
				for _, err := range stream(func(yield func(int, error) bool) {
					for produced < 50 {
						produced++
						if !yield(produced, nil) {
							return
						}
					}
				}) {
					require.NoError(t, err)
					time.Sleep(time.Millisecond) // whatever else there is gets its turn
					synctest.Wait()
					consumed++
					require.Equal(t, consumed, produced, "the handler waits for the consumer")
				}
				require.Equal(t, 50, consumed)
			})
		})
	}
}

// A consumer that stopped early left pumps running for ever. What a bubble leaves
// behind fails it.
func TestFault3AConsumerThatStopsLeavesNothingRunning(t *testing.T) {
	for name, bs := range streaming() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, consume := range []func(iter.Seq2[int, error]){consumeOne, consumeAndPanic, consumeAndExit} {
					ended := false
					var handlers context.Context
					m := newMediator(t, mediator.Use(bs...), mediator.HandleStream(func(ctx context.Context, _ count) iter.Seq2[int, error] {
						handlers = ctx
						return func(yield func(int, error) bool) {
							defer func() { ended = true }()
							for yield(1, nil) {
							}
						}
					}))
					unwound(func() { consume(mediator.Stream(t.Context(), m, count{})) })
					require.True(t, ended)
					require.Error(t, handlers.Err())
				}
			})
		})
	}
}

// An operation ran under an already-cancelled context, and the cause of a
// cancellation was hidden from errors.Is.
func TestFoundNothingRunsUnderAnEndedContextAndTheCauseIsKept(t *testing.T) {
	errCause := errors.New("the user closed the page")
	for name, b := range map[string]mediator.Behavior{
		"Retry":          behaviors.Retry(behaviors.RetryConfig{}),
		"CircuitBreaker": behaviors.CircuitBreaker(behaviors.BreakerConfig{}),
		"Bulkhead":       behaviors.Bulkhead(behaviors.BulkheadConfig{}),
		"RateLimit":      behaviors.RateLimit(unlimited{}),
		"RateLimitWait":  behaviors.RateLimitWait(unlimited{}, time.Second),
		"MemoryGuard":    behaviors.MemoryGuard(behaviors.MemoryGuardConfig{}),
		"Timeout":        behaviors.Timeout(time.Second),
		"Hedge":          behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second}),
		"Coalesce":       behaviors.Coalesce(func(mediator.Call) string { return "key" }),
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		m := newMediator(t, mediator.Use(b), askFor(func(context.Context) error { t.Error(name, "runs the handler"); return nil }))
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, context.Canceled, name)
		require.ErrorIs(t, err, errCause, name)
	}
}

// The same for what has to wait when the caller cancels.
func TestFoundAWaitThatIsCancelledShowsTheCause(t *testing.T) {
	errCause := errors.New("the user closed the page")
	for name, newOne := range map[string]func() mediator.Behavior{
		"Retry": func() mediator.Behavior {
			return behaviors.Retry(behaviors.RetryConfig{Delay: time.Hour, Backoff: behaviors.Fixed})
		},
		"Bulkhead": func() mediator.Behavior { return behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 1}) },
		"RateLimitWait": func() mediator.Behavior {
			return behaviors.RateLimitWait(behaviors.NewLimiter(1.0/3600, 1), 2*time.Hour)
		},
		"MemoryGuard": func() mediator.Behavior {
			return behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 100, Usage: func() uint64 { return 99 }, Delay: time.Hour})
		},
		"Coalesce": func() mediator.Behavior { return behaviors.Coalesce(func(mediator.Call) string { return "key" }) },
		"Hedge":    func() mediator.Behavior { return behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Minute}) },
		"Timeout":  func() mediator.Behavior { return behaviors.Timeout(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMediator(t, mediator.Use(newOne()), askFor(func(ctx context.Context) error {
					if name == "Retry" {
						return errFaulty
					}
					<-ctx.Done()
					if name == "Hedge" || name == "Timeout" {
						return ctx.Err() // they add the cause
					}
					return errors.Join(ctx.Err(), context.Cause(ctx))
				}))
				ctx, cancel := context.WithCancelCause(t.Context())
				begun, results := time.Now(), make(chan error, 2)
				for range 2 { // the second waits for the first, where there is something to wait for
					go func() {
						_, err := mediator.Send(ctx, m, ask{})
						results <- err
					}()
				}
				time.Sleep(time.Second)
				cancel(errCause)
				for range 2 {
					err := <-results
					require.ErrorIs(t, err, context.Canceled)
					require.ErrorIs(t, err, errCause)
				}
				require.Equal(t, time.Second, time.Since(begun))
			})
		})
	}
}
