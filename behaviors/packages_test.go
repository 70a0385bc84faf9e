package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// names of the behaviors, as they stand.
func namesOf(bs []mediator.Behavior) (names []string) {
	for _, b := range bs {
		if n, ok := b.(mediator.BehaviorNamer); ok {
			names = append(names, n.BehaviorName())
		} else {
			names = append(names, fmt.Sprintf("%T", b))
		}
	}
	return names
}

// placeholder is a behavior that does nothing.
type placeholder string

func (p placeholder) BehaviorName() string                { return string(p) }
func (placeholder) Wrap(next mediator.Next) mediator.Next { return next }

// nameOf is what the behavior calls itself.
func nameOf(b mediator.Behavior) string { return namesOf([]mediator.Behavior{b})[0] }

func TestPackagesAreInTheRightOrder(t *testing.T) {
	r := behaviors.NewRecorder()
	var (
		log, retry = "Log", "Retry"
		breaker    = nameOf(behaviors.CircuitBreaker(behaviors.BreakerConfig{}))
		slow       = nameOf(behaviors.Slow(behaviors.SlowConfig{}))
		guard      = nameOf(behaviors.MemoryGuard(behaviors.MemoryGuardConfig{}))
		bulkhead   = nameOf(behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1}))
		limit      = nameOf(behaviors.RateLimit(unlimited{}))
	)
	require.Equal(t, []string{log, "Recover", slow, "Validate"}, namesOf(behaviors.Standard()))
	require.Equal(t, []string{log, "Recorder", "deadletter", "Recover", slow, "Validate", limit, bulkhead, retry, breaker, "Timeout"},
		namesOf(behaviors.Standard(behaviors.StandardConfig{
			Recorder: r, DeadLetters: placeholder("deadletter"), Limiter: unlimited{}, Bulkhead: &behaviors.BulkheadConfig{Limit: 1},
			Retry: &behaviors.RetryConfig{}, Breaker: &behaviors.BreakerConfig{}, Timeout: time.Second,
		})))
	require.Equal(t, []string{log, retry, breaker, slow}, namesOf(behaviors.StreamingResilience()))
	require.Equal(t, []string{guard, slow, retry, breaker, log}, namesOf(behaviors.StreamingPlatinum()))
	all := behaviors.StreamingConfig{Recorder: r, DeadLetters: placeholder("deadletter"), Health: placeholder("health"), Backpressure: placeholder("backpressure")}
	require.Equal(t, []string{log, "Recorder", "deadletter", "backpressure", retry, breaker, slow}, namesOf(behaviors.StreamingResilience(all)))
	require.Equal(t, []string{"Recorder", "deadletter", "backpressure", guard, "health", slow, retry, breaker, log}, namesOf(behaviors.StreamingPlatinum(all)))
}

// unlimited is a Limiter.
type unlimited struct{}

func (unlimited) Allow() bool                { return true }
func (unlimited) Wait(context.Context) error { return nil }

// TestPackagesWireWithoutWarnings relies on newMediator, which fails for each.
func TestPackagesWireWithoutWarnings(t *testing.T) {
	c := behaviors.StreamingConfig{Logger: slog.New(slog.DiscardHandler), Recorder: behaviors.NewRecorder()}
	for _, bs := range [][]mediator.Behavior{
		behaviors.Standard(behaviors.StandardConfig{Logger: c.Logger, Recorder: c.Recorder, Bulkhead: &behaviors.BulkheadConfig{Limit: 1},
			Retry: &behaviors.RetryConfig{}, Breaker: &behaviors.BreakerConfig{}, Timeout: time.Second}),
		behaviors.StreamingResilience(c),
		behaviors.StreamingPlatinum(c),
	} {
		m := newMediator(t, mediator.Use(bs...), askFor(func(context.Context) error { return nil }), mediator.HandleStream(numbers))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		n := 0
		for _, err := range mediator.Stream(t.Context(), m, upTo{N: 10}) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 10, n)
	}
}

var errFaulty = errors.New("faulty")

// brittle fails the first runs of a stream before their first item.
func brittle(runs *int, failing int) mediator.Option {
	return mediator.HandleStream(func(context.Context, upTo) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			*runs++
			if *runs <= failing {
				yield(0, errFaulty)
				return
			}
			_ = yield(1, nil) && yield(2, nil)
		}
	})
}

func TestStreamingPackagesHaveTheValuesOfTheTable(t *testing.T) {
	quiet := behaviors.StreamingConfig{Logger: slog.New(slog.DiscardHandler)}
	for _, test := range []struct {
		name   string
		bs     func() []mediator.Behavior
		waits  time.Duration // of two retries, the first a third of it
		total  time.Duration
		window time.Duration
		breaks time.Duration
	}{
		{"resilience", func() []mediator.Behavior { return behaviors.StreamingResilience(quiet) }, 6 * time.Second, 5 * time.Minute, 5 * time.Minute, 2 * time.Minute},
		{"platinum", func() []mediator.Behavior { return behaviors.StreamingPlatinum(quiet) }, 3 * time.Second, 3 * time.Minute, 3 * time.Minute, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				bs := test.bs()
				m := newMediator(t, mediator.Use(bs...), brittle(&runs, 2))
				begun := time.Now()
				for _, err := range mediator.Stream(t.Context(), m, upTo{}) {
					require.NoError(t, err)
				}
				require.Equal(t, 3, runs)
				require.Equal(t, test.waits, time.Since(begun))
			})
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				m := newMediator(t, mediator.Use(test.bs()...), brittle(&runs, 3))
				require.ErrorIs(t, drain(mediator.Stream(t.Context(), m, upTo{})), errFaulty)
				require.Equal(t, 3, runs, "two retries, and the third failure opens the breaker")
				hasty := func() error { // has no time to wait for the end of the break
					ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
					defer cancel()
					return drain(mediator.Stream(ctx, m, upTo{}))
				}
				require.ErrorIs(t, hasty(), behaviors.ErrOpen)
				time.Sleep(test.breaks - time.Second)
				require.ErrorIs(t, hasty(), behaviors.ErrOpen)
				require.Equal(t, 3, runs)
				time.Sleep(time.Second)
				require.NoError(t, hasty())
				require.Equal(t, 4, runs)
			})
			for share, want := range map[time.Duration]error{8: behaviors.ErrOpen, 12: errFaulty} {
				synctest.Test(t, func(t *testing.T) {
					runs := 0
					m := newMediator(t, mediator.Use(test.bs()...), brittle(&runs, 2))
					require.NoError(t, drain(mediator.Stream(t.Context(), m, upTo{})))
					time.Sleep(test.window * share / 10)
					runs = 0
					ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
					defer cancel()
					require.ErrorIs(t, drain(mediator.Stream(ctx, m, upTo{})), errFaulty)
					require.ErrorIs(t, drain(mediator.Stream(ctx, m, upTo{})), want, "two failures before count within the window")
				})
			}
			for spare, want := range map[time.Duration]int{time.Second: 2, -time.Second: 1} {
				synctest.Test(t, func(t *testing.T) {
					runs := 0
					m := newMediator(t, mediator.Use(test.bs()...), mediator.HandleStream(func(context.Context, upTo) iter.Seq2[int, error] {
						return func(yield func(int, error) bool) {
							runs++
							time.Sleep(test.total - test.waits/3 - spare)
							yield(0, errFaulty)
						}
					}))
					require.ErrorIs(t, drain(mediator.Stream(t.Context(), m, upTo{})), behaviors.ErrRetryTime)
					require.Equal(t, want, runs)
				})
			}
		})
	}
}

func TestStreamingPackagesWarnOfSlowStreams(t *testing.T) {
	for _, bs := range []func(...behaviors.StreamingConfig) []mediator.Behavior{behaviors.StreamingResilience, behaviors.StreamingPlatinum} {
		for _, test := range []struct {
			first, each time.Duration
			warnings    int
		}{
			{first: 4900 * time.Millisecond, each: 90 * time.Millisecond, warnings: 0},
			{first: 5100 * time.Millisecond, each: 90 * time.Millisecond, warnings: 1},
			{first: 0, each: 110 * time.Millisecond, warnings: 1},
		} {
			synctest.Test(t, func(t *testing.T) {
				var l logged
				m := newMediator(t, mediator.Use(bs(behaviors.StreamingConfig{Logger: l.logger(slog.LevelWarn)})...),
					mediator.HandleStream(func(context.Context, upTo) iter.Seq2[int, error] {
						return func(yield func(int, error) bool) {
							for time.Sleep(test.first); yield(0, nil); time.Sleep(test.each) {
							}
						}
					}))
				items := 0
				for range mediator.Stream(t.Context(), m, upTo{}) {
					if items++; items == 300 {
						break
					}
				}
				require.Len(t, l.lines(t), test.warnings, "%+v", test)
			})
		}
	}
}

func TestStreamingPackagesLogAsTheTableSays(t *testing.T) {
	for _, test := range []struct {
		bs   func(...behaviors.StreamingConfig) []mediator.Behavior
		want []float64
	}{
		{behaviors.StreamingResilience, []float64{30, 60, 90, 1090, 2090, 3090, 4090, 5090, 5100}},
		{behaviors.StreamingPlatinum, []float64{45, 90, 2590, 5090, 5100}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var l logged
			m := newMediator(t, mediator.Use(test.bs(behaviors.StreamingConfig{Logger: l.logger(slog.LevelInfo)})...), paced(100, 5000))
			require.NoError(t, drain(mediator.Stream(t.Context(), m, upTo{})))
			var got []float64
			for _, line := range l.lines(t) {
				if line["level"] == "INFO" {
					got = append(got, line["items"].(float64))
				}
			}
			require.Equal(t, test.want, got)
		})
	}
}

func drain(items iter.Seq2[int, error]) (last error) {
	for _, err := range items {
		last = err
	}
	return last
}
