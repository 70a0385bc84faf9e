package behaviors_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// probe takes the time of calls, as their Call has it, and as it is.
type probe struct {
	shared, own []time.Duration
	start       time.Time
	err         error // it returns that, without calling next
}

func (*probe) ScopedCall() bool  { return true }
func (*probe) SharesClock() bool { return true }

func (p *probe) Wrap(next mediator.Next) mediator.Next {
	p.start = time.Now()
	origin := mediator.Call{}.Now()
	note := func(c mediator.Call) {
		p.shared = append(p.shared, c.Now()-origin)
		p.own = append(p.own, time.Since(p.start))
	}
	return func(ctx context.Context, c mediator.Call) error {
		note(c)
		returned := false
		defer func() {
			if !returned {
				note(mediator.Call{})
			}
		}()
		err := p.err
		if err == nil {
			err = next(ctx, c)
		}
		returned = true
		note(c)
		return err
	}
}

// errSlow takes its time to be asked what it is.
var errSlow error = slowError{}

type slowError struct{}

func (slowError) Error() string { return "slow" }
func (slowError) Is(error) bool { slowly(); return false }

// slowly is a function of a user that takes its time.
func slowly() { time.Sleep(time.Second) }

type slowLimiter struct{}

func (slowLimiter) Allow() bool                { slowly(); return true }
func (slowLimiter) Wait(context.Context) error { slowly(); return nil }

type slowWriter struct{}

func (slowWriter) Write(b []byte) (int, error) { slowly(); return len(b), nil }

type slowStore struct{ deadletter.Store }

func (s slowStore) Put(ctx context.Context, l deadletter.Letter) error {
	slowly()
	return s.Store.Put(ctx, l)
}

func panicsSlowly(mediator.Call) bool { slowly(); panic(errSlow) }

// inside is two behaviors.
type inside struct{ outer, inner mediator.Behavior }

func (b inside) Wrap(next mediator.Next) mediator.Next { return b.outer.Wrap(b.inner.Wrap(next)) }
func (inside) ConfinesCall() bool                      { return true }
func (inside) SharesClock() bool                       { return true }

type slowAsk struct {
	mediator.Returns[int]
	Invalid bool
}

func (q slowAsk) Validate() error {
	slowly()
	if q.Invalid {
		return errSlow
	}
	return nil
}

// Behaviors that share readings of the clock with their neighbors hide from these no
// time that they wait, or that functions of others take.
func TestSharedReadingsMissNoTime(t *testing.T) {
	// full is a bulkhead whose only place is taken for a second.
	full := func() mediator.Behavior {
		b := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 9, MaxWait: time.Hour})
		go func() {
			err := b.Wrap(func(context.Context, mediator.Call) error { slowly(); return nil })(context.Background(), mediator.Call{})
			if err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		return b
	}
	spent := func() *behaviors.GCRA {
		l := behaviors.NewLimiter(1, 1)
		l.Allow()
		return l
	}
	trips := behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: time.Millisecond, OnStateChange: func(behaviors.StateChange) { slowly() }}
	for name, made := range map[string]func() mediator.Behavior{
		"Bulkhead":      full,
		"RateLimitWait": func() mediator.Behavior { return behaviors.RateLimitWait(spent(), time.Hour) },
		"RateLimit":     func() mediator.Behavior { return behaviors.RateLimit(slowLimiter{}) },
		"Retry": func() mediator.Behavior {
			return behaviors.Retry(behaviors.RetryConfig{Retries: 2, Delay: time.Second, OnRetry: func(context.Context, behaviors.RetryEvent) { slowly() }})
		},
		"RetryIf": func() mediator.Behavior {
			return behaviors.Retry(behaviors.RetryConfig{Retries: 2, RetryIf: func(error) bool { slowly(); return false }})
		},
		"MaxTotal": func() mediator.Behavior {
			return behaviors.Retry(behaviors.RetryConfig{Retries: 2, Delay: time.Second, MaxTotal: time.Minute})
		},
		"CircuitBreaker": func() mediator.Behavior { return behaviors.CircuitBreaker(trips) },
		"Classify": func() mediator.Behavior {
			return behaviors.CircuitBreaker(behaviors.BreakerConfig{Classify: func(error) behaviors.Outcome { slowly(); return behaviors.OutcomeIgnored }})
		},
		"SlowCall": func() mediator.Behavior {
			return behaviors.CircuitBreaker(behaviors.BreakerConfig{MinCalls: 1, SlowCall: time.Millisecond, SlowRatio: 0.1, Break: time.Millisecond, OnStateChange: trips.OnStateChange})
		},
		"Timeout": func() mediator.Behavior { return behaviors.Timeout(time.Hour) },
		"Recover": func() mediator.Behavior { return behaviors.Recover() },
		"Slow": func() mediator.Behavior {
			return behaviors.Slow(behaviors.SlowConfig{Over: time.Millisecond, OnSlow: func(context.Context, behaviors.SlowCall) { slowly() }})
		},
		"Log": func() mediator.Behavior { return behaviors.Log(slog.New(slog.NewTextHandler(slowWriter{}, nil))) },
		"a Log without failures": func() mediator.Behavior {
			level := func(e behaviors.Ending) slog.Level { return slog.Level(-int(e)) }
			return behaviors.LogWith(slog.New(slog.NewTextHandler(slowWriter{}, nil)), behaviors.LogConfig{Level: level})
		},
		"Fallback": func() mediator.Behavior {
			return behaviors.Fallback(func(_ context.Context, err error) (int, error) { slowly(); return 0, err })
		},
		"Validate": func() mediator.Behavior { return behaviors.Validate() },
		"When": func() mediator.Behavior {
			return behaviors.When(func(mediator.Call) bool { slowly(); return true }, behaviors.Recover())
		},
		"Recorder":     func() mediator.Behavior { return behaviors.NewRecorder() },
		"dead letters": func() mediator.Behavior { return deadletter.Behavior(slowStore{deadletter.NewMemory()}) },
		"a MemoryGuard that slows": func() mediator.Behavior {
			return behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 100, High: 0.5, Delay: time.Minute, Sample: time.Hour, Usage: func() uint64 { return 90 }})
		},
		"Recover outside of what panics": func() mediator.Behavior {
			return inside{behaviors.Recover(), behaviors.When(panicsSlowly, behaviors.Timeout(time.Hour))}
		},
		"Health": func() mediator.Behavior { return health.New(health.Config{}) },
		"MemoryGuard": func() mediator.Behavior {
			return behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 100, Sample: time.Second, Usage: func() uint64 { slowly(); return 1 }})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, outer, inner := made(), &probe{}, &probe{}
				calls := 0
				handle := func(context.Context, slowAsk) (int, error) {
					if calls++; calls == 3 {
						panic(errSlow)
					}
					slowly()
					if calls%2 == 1 {
						return 0, errSlow
					}
					return calls, nil
				}
				m, err := mediator.New(mediator.Use(outer, b, inner), mediator.Handle(handle), mediator.OnWarning(func(string) {}))
				require.NoError(t, err)
				for i := range 6 {
					func() {
						defer func() { _ = recover() }()
						_, _ = mediator.Send(t.Context(), m, slowAsk{Invalid: i == 5})
					}()
				}
				require.NotEmpty(t, outer.own)
				require.Equal(t, outer.own, outer.shared)
				require.Equal(t, inner.own, inner.shared)
				require.NoError(t, m.Close(t.Context()))
			})
		})
	}
}

// A call may have read the clock before its breaker's window began.
func TestAReadingFromBeforeTheWindowCountsInItsFirstSlice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{FailureRatio: 0.5, MinCalls: 3, Window: 10 * time.Second, SlowCall: time.Hour, SlowRatio: 1})
		early := true
		late := &outer{func() {
			if early {
				time.Sleep(time.Millisecond)
				b.Reset()
				early = false
			}
		}}
		fails := &probe{}
		m, err := mediator.New(mediator.Use(late, b, fails), mediator.Handle(func(context.Context, ask) (int, error) { return 0, errSlow }), mediator.OnWarning(func(string) {}))
		require.NoError(t, err)
		fails.err = errSlow
		_, err = mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, errSlow)
		time.Sleep(time.Minute)
		for range 2 {
			_, err = mediator.Send(t.Context(), m, ask{})
			require.ErrorIs(t, err, errSlow)
		}
		require.Equal(t, behaviors.StateClosed, b.State(), "two of three calls are in the window")
		require.NoError(t, m.Close(t.Context()))
	})
}

// outer reads the clock, and is held up then.
type outer struct{ heldUp func() }

func (*outer) ScopedCall() bool  { return true }
func (*outer) SharesClock() bool { return true }

func (o *outer) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		c.Now()
		o.heldUp()
		return next(ctx, c)
	}
}
