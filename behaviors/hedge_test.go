package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// inTurn is a handler that does one thing the first time and another after that.
func inTurn(n *atomic.Int64, each ...func(ctx context.Context) (int, error)) mediator.Option {
	return mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
		return each[min(int(n.Add(1)), len(each))-1](ctx)
	})
}

// answering is what answers with n and err after d, or with the context's error.
func answering(d time.Duration, n int, err error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		select {
		case <-time.After(d):
			return n, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func TestHedgeAnswersWithTheFasterOne(t *testing.T) {
	for name, tc := range map[string]struct {
		first, second time.Duration
		want          int
		took          time.Duration
		sent          int64
	}{
		"fast enough":  {first: time.Second, want: 1, took: time.Second, sent: 1},
		"first still":  {first: 3 * time.Second, second: 5 * time.Second, want: 1, took: 3 * time.Second, sent: 2},
		"second first": {first: time.Minute, second: time.Second, want: 2, took: 3 * time.Second, sent: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int64
				m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: 2 * time.Second})),
					inTurn(&sent, answering(tc.first, 1, nil), answering(tc.second, 2, nil)))
				begun := time.Now()
				n, err := mediator.Send(t.Context(), m, ask{})
				require.NoError(t, err)
				require.Equal(t, tc.want, n)
				require.Equal(t, tc.took, time.Since(begun))
				require.Equal(t, tc.sent, sent.Load())
			})
		})
	}
}

func TestHedgeCancelsTheLoserAndWaitsForIt(t *testing.T) {
	for _, slow := range []int64{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int64
			var cause error
			m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second})),
				mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
					me := sent.Add(1)
					if me != slow {
						time.Sleep(2 * time.Second)
						return int(me), nil
					}
					<-ctx.Done()
					time.Sleep(time.Minute)
					cause = context.Cause(ctx)
					return 0, ctx.Err()
				}))
			begun := time.Now()
			n, err := mediator.Send(t.Context(), m, ask{})
			require.NoError(t, err)
			require.Equal(t, int(3-slow), n)
			require.ErrorIs(t, cause, behaviors.ErrHedged)
			require.GreaterOrEqual(t, time.Since(begun), time.Minute)
		})
	}
}

func TestHedgeOfFailures(t *testing.T) {
	late := errors.New("late")
	for name, tc := range map[string]struct {
		first, second func(context.Context) (int, error)
		want          []error
		n             int
		sent          int64
	}{
		"at once":         {first: answering(0, 0, errFlaky), want: []error{errFlaky}, sent: 1},
		"both":            {first: answering(3*time.Second, 0, errFlaky), second: answering(5*time.Second, 0, late), want: []error{errFlaky, late}, sent: 2},
		"both, reversed":  {first: answering(9*time.Second, 0, errFlaky), second: answering(time.Second, 0, late), want: []error{errFlaky, late}, sent: 2},
		"the first alone": {first: answering(3*time.Second, 0, errFlaky), second: answering(5*time.Second, 2, nil), n: 2, sent: 2},
		"the hedge alone": {first: answering(9*time.Second, 1, nil), second: answering(time.Second, 0, late), n: 1, sent: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int64
				m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: 2 * time.Second})), inTurn(&sent, tc.first, tc.second))
				n, err := mediator.Send(t.Context(), m, ask{})
				require.Equal(t, tc.n, n)
				require.Equal(t, tc.sent, sent.Load())
				for _, want := range tc.want {
					require.ErrorIs(t, err, want)
				}
				require.Equal(t, tc.want == nil, err == nil)
			})
		})
	}
}

// A hedge that a guard turns away says nothing about the handler, which failed.
func TestFoundHedgeThatIsTurnedAwayHidesNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		recorder := behaviors.NewRecorder()
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 3})
		m := newMediator(t, mediator.Use(recorder, breaker, behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second}),
			behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1})),
			mediator.Handle(func(context.Context, ask) (int, error) {
				time.Sleep(time.Minute)
				return 0, broken
			}))
		for range 3 {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.ErrorIs(t, err, broken)
			require.NotErrorIs(t, err, behaviors.ErrFull)
		}
		require.Equal(t, behaviors.StateOpen, breaker.State())
		require.EqualValues(t, 3, recorder.Snapshot().Entries[0].Count(behaviors.Failed))
	})
}

// What a rejection is but a part of was handled.
func TestHedgeJoinsWhatSaysMoreThanARejection(t *testing.T) {
	broken, other := errors.New("broken"), errors.New("other")
	for _, second := range []error{
		errors.Join(behaviors.ErrLimited, other), fmt.Errorf("%w: %w", behaviors.ErrFull, other), &mediator.PanicError{Value: behaviors.ErrOpen},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int64
			m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second})),
				inTurn(&sent, answering(time.Minute, 0, broken), answering(time.Minute, 0, second)))
			_, err := mediator.Send(t.Context(), m, ask{})
			require.ErrorIs(t, err, broken)
			require.ErrorIs(t, err, second)
		})
	}
}

func TestHedgeIsBudgeted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		m := newMediator(t, inTurn(&sent, answering(time.Second, 1, nil)),
			mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Millisecond, Budget: behaviors.NewBudget(behaviors.BudgetConfig{Min: -1})})))
		for range 100 {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.NoError(t, err)
		}
		require.InDelta(t, 120, sent.Load(), 1)
	})
}

func TestHedgesMayBeSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second, Hedges: 3})),
			inTurn(&sent, answering(time.Hour, 1, nil), answering(time.Hour, 2, nil), answering(time.Second/2, 3, nil)))
		begun := time.Now()
		n, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 2500*time.Millisecond, time.Since(begun))
		require.Equal(t, int64(3), sent.Load())
	})
}

func TestHedgeAfterTheQuantileOfTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		var slow atomic.Bool
		m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{})),
			mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
				if n := sent.Add(1); n <= 32 {
					time.Sleep(time.Duration(n) * time.Millisecond)
				} else if slow.Swap(false) {
					return answering(time.Hour, 1, nil)(ctx)
				}
				return 2, nil
			}))
		for range 32 {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.NoError(t, err)
		}
		require.Equal(t, int64(32), sent.Load(), "none before there are enough samples")
		slow.Store(true)
		begun := time.Now()
		n, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Equal(t, 31*time.Millisecond, time.Since(begun), "the 95th percentile of 1..32ms")
	})
}

func TestHedgeOfPanicAndGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bug := func(context.Context) (int, error) { panic("bug") }
		var sent atomic.Int64
		hedge := behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second})
		m := newMediator(t, mediator.Use(hedge), inTurn(&sent, answering(time.Hour, 1, nil), bug))
		func() {
			defer func() {
				p, ok := recover().(*mediator.PanicError)
				require.True(t, ok)
				require.Equal(t, "bug", p.Value)
				require.Contains(t, string(p.Stack), "hedge_test.go")
			}()
			_, _ = mediator.Send(t.Context(), m, ask{})
			t.Error("the panic is lost")
		}()

		sent.Store(0)
		ended := false
		m = newMediator(t, mediator.Use(hedge), inTurn(&sent,
			func(context.Context) (int, error) { time.Sleep(2 * time.Second); panic("bug") },
			func(ctx context.Context) (int, error) { <-ctx.Done(); ended = true; return 0, ctx.Err() }))
		require.PanicsWithValue(t, "bug", func() { _, _ = mediator.Send(t.Context(), m, ask{}) })
		require.True(t, ended, "the other is waited for")

		sent.Store(0)
		m = newMediator(t, mediator.Use(hedge), inTurn(&sent, answering(3*time.Second, 0, errFlaky),
			func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, errFlaky)
		require.ErrorIs(t, err, mediator.ErrGoexit)
	})
}

func TestHedgeLeavesNotificationsAndStreamsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := 0
		b := &broken{}
		m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Nanosecond})),
			mediator.Subscribe(func(context.Context, told) error { heard++; time.Sleep(time.Second); return nil }), mediator.HandleStream(b.handle))
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		got, err := collect(t.Context(), m, "ab")
		require.NoError(t, err)
		require.Equal(t, "ab", got)
		require.Equal(t, 1, heard)
		require.Equal(t, 1, b.runs)
	})
}

func TestHedgeOfTheCallersCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(cause) })
		var sent atomic.Int64
		m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second})), inTurn(&sent, answering(time.Hour, 1, nil)))
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.Equal(t, int64(2), sent.Load())
		_, err = mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, cause)
		require.Equal(t, int64(2), sent.Load(), "nothing runs under an ended context")
	})
}

func TestHedgeRefusesNonsenseAndWarns(t *testing.T) {
	for want, c := range map[string]behaviors.HedgeConfig{
		"behaviors: Hedge: Delay is negative: -1ns":                  {Delay: -1},
		"behaviors: Hedge: Hedges is negative: -1":                   {Hedges: -1},
		"behaviors: Hedge: Quantile is 1, not between 0 and 1":       {Quantile: 1},
		"behaviors: Hedge: Delay and Quantile contradict each other": {Delay: 1, Quantile: 0.5},
	} {
		require.PanicsWithValue(t, want, func() { behaviors.Hedge(c) })
	}
	h := behaviors.Hedge(behaviors.HedgeConfig{}).(mediator.WiringChecker)
	require.Len(t, h.CheckWiring(nil, []mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{})}), 1)
	require.Empty(t, h.CheckWiring([]mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{})}, nil))

	budget := behaviors.NewBudget(behaviors.BudgetConfig{})
	h = behaviors.Hedge(behaviors.HedgeConfig{Budget: budget}).(mediator.WiringChecker)
	require.Len(t, h.CheckWiring([]mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{Budget: budget})}, nil), 1)
	require.Empty(t, h.CheckWiring([]mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{})}, nil))
	h = behaviors.Hedge(behaviors.HedgeConfig{Budget: behaviors.NoBudget()}).(mediator.WiringChecker)
	require.Empty(t, h.CheckWiring([]mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{Budget: behaviors.NoBudget()})}, nil))
}

func BenchmarkHedge(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("hedge", func(b *testing.B) { benchSend(b, behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Hour})) })
}

// leaving is a behavior that returns after d, whether next has or not.
type leaving time.Duration

func (l leaving) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		go func() { _ = next(ctx, c) }()
		time.Sleep(time.Duration(l))
		return errDown
	}
}

// a hedge that could not begin was taken from the budget
func TestFoundHedgeThatCannotBeginCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := behaviors.NewBudget(behaviors.BudgetConfig{Min: 1})
		var sent atomic.Int64
		hedge := behaviors.Hedge(behaviors.HedgeConfig{Delay: 2 * time.Second, Budget: budget})
		abandoned := newMediator(t, mediator.Use(leaving(time.Second), hedge), inTurn(&sent, answering(5*time.Second, 1, nil)))
		_, err := mediator.Send(t.Context(), abandoned, ask{})
		require.ErrorIs(t, err, errDown)
		time.Sleep(5 * time.Second)
		require.Equal(t, int64(1), sent.Load())

		sent.Store(0)
		m := newMediator(t, mediator.Use(hedge), inTurn(&sent, answering(time.Minute, 1, nil), answering(time.Second, 2, nil)))
		n, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.Equal(t, 2, n)
	})
}
