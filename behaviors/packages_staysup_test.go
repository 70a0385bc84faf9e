package behaviors_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

var silent = slog.New(slog.DiscardHandler)

var errReset = errors.New("connection reset")

// streamingPackages is both of them, with a config.
var streamingPackages = map[string]func(...behaviors.StreamingConfig) []mediator.Behavior{
	"resilience": behaviors.StreamingResilience,
	"platinum":   behaviors.StreamingPlatinum,
}

// feed is a handler of upTo that resumes, with an item each pace. A run whose nth item
// would be the nth of ends ends with what that returns.
func feed(pace time.Duration, ends func(ctx context.Context, run time.Duration) error) mediator.Option {
	return mediator.HandleStream(func(ctx context.Context, q upTo) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			begun := time.Now()
			for n := behaviors.ResumeFrom(ctx, q); n < q.N; n++ {
				time.Sleep(pace)
				if err := ends(ctx, time.Since(begun)); err != nil {
					yield(0, err)
					return
				}
				if !yield(n, nil) {
					return
				}
			}
		}
	})
}

// requireAll runs a stream of n items, and requires each once and in order.
func requireAll(t *testing.T, m *mediator.Mediator, n int) {
	next := 0
	for item, err := range mediator.Stream(t.Context(), m, upTo{N: n}) {
		require.NoError(t, err, "after %d items", next)
		require.Equal(t, next, item)
		next++
	}
	require.Equal(t, n, next)
}

// a handler that resumes, with a connection that was reset once a minute, was down
// after three minutes
func TestFoundStreamingPackagesKeepAStreamUp(t *testing.T) {
	for name, pack := range streamingPackages {
		for _, each := range []time.Duration{time.Second, time.Minute, 20 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				m := newMediator(t, mediator.Use(pack(behaviors.StreamingConfig{Logger: silent})...),
					feed(100*time.Millisecond, func(_ context.Context, run time.Duration) error {
						if run > each {
							return errReset
						}
						return nil
					}))
				begun := time.Now()
				requireAll(t, m, 36_000)
				require.Greater(t, time.Since(begun), time.Hour, "%s, each %v", name, each)
			})
		}
	}
}

// the wiring of the guide to streams was down after a minute or two
func TestFoundTheStreamOfTheGuideStaysUp(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context) error{
		"fails": func(context.Context) error { return errReset },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
	} {
		synctest.Test(t, func(t *testing.T) {
			watch := health.RealTime()
			watch.Logger = silent
			watch.Policies = append(health.DefaultPolicies(), health.Restart{})
			monitor := health.New(watch)
			m := newMediator(t, mediator.Use(behaviors.StreamingPlatinum(behaviors.StreamingConfig{
				Logger: silent, Backpressure: backpressure.New(backpressure.RealTime()), Health: monitor,
			})...), feed(50*time.Millisecond, func(ctx context.Context, run time.Duration) error {
				if run > 20*time.Second {
					return end(ctx)
				}
				return nil
			}))
			requireAll(t, m, 24_000)
			if name == "hangs" {
				require.Greater(t, monitor.Snapshot().Ended[0].Interrupts, uint64(50))
			}
		})
	}
}

// many streams resume at once, after their source was away for less than the retries wait
func TestFoundStreamsOutliveARestartOfTheirSource(t *testing.T) {
	behaviorsOf := map[string]func() []mediator.Behavior{
		"retry": func() []mediator.Behavior {
			return []mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{Retries: 5, Delay: time.Second})}
		},
		"retry of one's own": func() []mediator.Behavior {
			return behaviors.StreamingPlatinum(behaviors.StreamingConfig{Logger: silent,
				Retry: &behaviors.RetryConfig{Retries: 10, Delay: time.Second, MaxDelay: time.Minute}})
		},
	}
	for name, pack := range streamingPackages {
		behaviorsOf[name] = func() []mediator.Behavior { return pack(behaviors.StreamingConfig{Logger: silent}) }
	}
	for name, bs := range behaviorsOf {
		for _, after := range []time.Duration{time.Second, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				m := newMediator(t, mediator.Use(bs()...), feed(100*time.Millisecond, func(context.Context, time.Duration) error {
					if at := time.Since(begun); at > after && at < after+time.Second/2 {
						return errReset
					}
					return nil
				}))
				var wg sync.WaitGroup
				errs := make([]error, 200)
				for i := range errs {
					wg.Go(func() { errs[i] = drain(mediator.Stream(t.Context(), m, upTo{N: int(after/time.Second)*10 + 20})) })
				}
				wg.Wait()
				for _, err := range errs {
					require.NoError(t, err, "%s, after %v", name, after)
				}
			})
		}
	}
}

// the Retry that the guide to streams has for longer outages
func TestStreamsOutliveHalfAnHour(t *testing.T) {
	for name, pack := range streamingPackages {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			m := newMediator(t, mediator.Use(pack(behaviors.StreamingConfig{Logger: silent,
				Retry: &behaviors.RetryConfig{Retries: 100, Delay: time.Second, MaxDelay: time.Minute}})...),
				feed(time.Second, func(context.Context, time.Duration) error {
					if at := time.Since(begun); at > time.Minute && at < 31*time.Minute {
						return errReset
					}
					return nil
				}))
			var wg sync.WaitGroup
			errs := make([]error, 20)
			for i := range errs {
				wg.Go(func() { errs[i] = drain(mediator.Stream(t.Context(), m, upTo{N: 100})) })
			}
			wg.Wait()
			for _, err := range errs {
				require.NoError(t, err, name)
			}
		})
	}
}

// cutOff runs streams that have delivered an item when their breaker opens, and whose
// source then fails once, or for good if it stays down. It returns how they ended, and
// how long after.
func cutOff(t *testing.T, bs []mediator.Behavior, staysDown bool) (errs []error, took time.Duration) {
	cut, opens := make(chan struct{}), 0
	m := newMediator(t, mediator.Use(bs...), mediator.HandleStream(func(ctx context.Context, q readings) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			from := behaviors.ResumeFrom(ctx, q)
			switch {
			case q.Sensor == "broken":
				yield(0, errDown)
			case from == 0 && yield(0, nil):
				<-cut
				yield(0, errReset)
			case from == 1 && staysDown:
				yield(0, errReset)
			case from == 1:
				yield(1, nil)
			}
		}
	}))
	var live, late sync.WaitGroup
	errs = make([]error, 20)
	for i := range errs {
		live.Go(func() { errs[i] = drain(mediator.Stream(t.Context(), m, readings{})) })
	}
	synctest.Wait()
	var mu sync.Mutex
	for range 2 * len(errs) {
		late.Go(func() {
			if err := drain(mediator.Stream(t.Context(), m, readings{Sensor: "broken"})); errors.Is(err, behaviors.ErrOpen) {
				mu.Lock()
				defer mu.Unlock()
				opens++
			}
		})
	}
	late.Wait()
	require.Positive(t, opens, "one that has not delivered does not wait so long")
	close(cut)
	begun := time.Now()
	live.Wait()
	return errs, time.Since(begun)
}

// the packages gave up before their own breaker let them through again
func TestFoundStreamsThatDeliveredWaitForTheirBreaker(t *testing.T) {
	for name, pack := range streamingPackages {
		for _, retry := range []*behaviors.RetryConfig{nil, {Retries: 1, Delay: time.Second, MaxDelay: 2 * time.Second}} {
			synctest.Test(t, func(t *testing.T) {
				errs, took := cutOff(t, pack(behaviors.StreamingConfig{Logger: silent, Retry: retry}), false)
				for _, err := range errs {
					require.NoError(t, err, name)
				}
				require.Greater(t, took, 50*time.Second)
			})
		}
	}
}

func TestStreamsWaitForTheirBreakerNoLongerThanTheTotal(t *testing.T) {
	for name, total := range map[string]time.Duration{"resilience": 5 * time.Minute, "platinum": 3 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			errs, took := cutOff(t, streamingPackages[name](behaviors.StreamingConfig{Logger: silent}), true)
			for _, err := range errs {
				require.Error(t, err, name)
			}
			require.Less(t, took, total)
		})
	}
}

func TestStreamsThatDeliveredAreRetriedAtNoCostToTheBudget(t *testing.T) {
	for name, test := range map[string]struct {
		failAt []int
		err    error
	}{
		"before its first item":    {[]int{0}, behaviors.ErrRetryBudget},
		"after it":                 {[]int{1, 0, 1, 0, 1}, nil},
		"retries in a row are few": {[]int{1, 0, 0, 0}, errFlaky},
	} {
		synctest.Test(t, func(t *testing.T) {
			handler := &broken{failAt: test.failAt, resumes: true}
			m := newMediator(t, mediator.HandleStream(handler.handle), mediator.Use(behaviors.Retry(behaviors.RetryConfig{
				Retries: 2, Budget: behaviors.NewBudget(behaviors.BudgetConfig{Ratio: 0.001, Min: -1})})))
			_, err := collect(t.Context(), m, "abcd")
			require.ErrorIs(t, err, test.err, name)
		})
	}
}

// one sensor that was offline shut out the streams of all
func TestBreakerKeySeparatesTheStreamsOfOneMessage(t *testing.T) {
	bySensor := func(c mediator.Call) string { return c.Message().(readings).Sensor }
	for name, pack := range streamingPackages {
		for _, breaker := range []*behaviors.BreakerConfig{nil, {MinCalls: 3, Break: time.Minute}} {
			for _, key := range []func(mediator.Call) string{nil, bySensor} {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					m := newMediator(t, mediator.Use(pack(behaviors.StreamingConfig{Logger: silent, Breaker: breaker, BreakerKey: key})...), sensors(time.Second))
					require.ErrorIs(t, drain(mediator.Stream(ctx, m, readings{Sensor: "broken"})), errDown)
					require.ErrorIs(t, drain(mediator.Stream(ctx, m, readings{Sensor: "broken"})), behaviors.ErrOpen)
					for _, err := range mediator.Stream(ctx, m, readings{Sensor: "well"}) {
						if key == nil {
							require.ErrorIs(t, err, behaviors.ErrOpen, name)
						} else {
							require.NoError(t, err, name)
						}
						break
					}
				})
			}
		}
		require.PanicsWithValue(t, "behaviors: StreamingConfig: BreakerKey and the Key of Breaker contradict each other", func() {
			pack(behaviors.StreamingConfig{BreakerKey: bySensor, Breaker: &behaviors.BreakerConfig{Key: bySensor}})
		})
	}
}

// the recorder counted what the handler gave, and not what the consumer got of it
func TestFoundTheRecorderOfThePackagesSeesWhatTheConsumerGets(t *testing.T) {
	for name, pack := range streamingPackages {
		for strategy, ending := range map[backpressure.Strategy]behaviors.Ending{
			backpressure.DropOldest: behaviors.Succeeded, backpressure.Fail: behaviors.Failed,
		} {
			synctest.Test(t, func(t *testing.T) {
				r, store := behaviors.NewRecorder(), deadletter.NewMemory()
				m := newMediator(t, mediator.HandleStream(numbers), mediator.Use(pack(behaviors.StreamingConfig{
					Logger: silent, Recorder: r, DeadLetters: deadletter.Behavior(store),
					Backpressure: backpressure.New(backpressure.Config{Strategy: strategy, Capacity: 10}),
				})...))
				got, last := uint64(0), error(nil)
				for _, err := range mediator.Stream(t.Context(), m, upTo{N: 10_000}) {
					if last = err; err == nil {
						got++
					}
					time.Sleep(time.Millisecond)
				}
				requireOnly(t, r.Snapshot().Total(), ending)
				require.Less(t, got, uint64(100))
				require.Equal(t, got, r.Snapshot().Total().Items, "%s %v", name, strategy)
				kept := 0
				for l, err := range deadletter.All(t.Context(), store, deadletter.Filter{}) {
					require.NoError(t, err)
					require.Contains(t, l.Errors[0], last.Error())
					kept++
				}
				require.Equal(t, ending == behaviors.Failed, kept == 1, "the whole failure is one letter")
			})
		}
	}
}
