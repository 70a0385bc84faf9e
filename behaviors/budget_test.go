package behaviors_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestRetryBudgetPreventsAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Nanosecond})), failing(1<<30, &attempts))
		refused := 0
		for range 1000 {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.ErrorIs(t, err, errFlaky)
			var gaveUp *behaviors.RetryError
			require.ErrorAs(t, err, &gaveUp)
			if gaveUp.Stopped != nil {
				require.ErrorIs(t, err, behaviors.ErrRetryBudget)
				refused++
			}
		}
		require.InDelta(t, 1200, attempts, 3)
		require.Greater(t, refused, 700)
	})
}

func TestRetryBudgetSavesUpToItsBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retries, down := 0, false
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Nanosecond, Retries: 1,
			Budget:  behaviors.NewBudget(behaviors.BudgetConfig{Burst: 30}),
			OnRetry: func(context.Context, behaviors.RetryEvent) { retries++ }})),
			mediator.Handle(func(context.Context, ask) (int, error) {
				if down {
					return 0, errFlaky
				}
				return 0, nil
			}))
		send := func(n int) {
			for range n {
				_, _ = mediator.Send(t.Context(), m, ask{})
			}
		}
		send(10_000)
		down = true
		send(100)
		require.InDelta(t, 30+100/5, retries, 1)
	})
}

func TestRetryBudgetAllowsTheLeastOfEachWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retries := 0
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Nanosecond, Retries: 1,
			OnRetry: func(context.Context, behaviors.RetryEvent) { retries++ }})), always(errFlaky, new(int)))
		for range 4 {
			for range 4 {
				_, _ = mediator.Send(t.Context(), m, ask{})
			}
			time.Sleep(10 * time.Second)
		}
		require.Equal(t, 4*3, retries, "3 a window, which calls that few had not earned")
	})
}

func TestRetryBudgetIsEachHandlersOwnUnlessShared(t *testing.T) {
	type other struct {
		mediator.Returns[int]
	}
	for shared, want := range map[bool]int{false: 6, true: 3} {
		synctest.Test(t, func(t *testing.T) {
			retries := 0
			c := behaviors.RetryConfig{Delay: time.Nanosecond, OnRetry: func(context.Context, behaviors.RetryEvent) { retries++ }}
			if shared {
				c.Budget = behaviors.NewBudget(behaviors.BudgetConfig{})
			}
			m := newMediator(t, mediator.Use(behaviors.Retry(c)), always(errFlaky, new(int)),
				mediator.Handle(func(context.Context, other) (int, error) { return 0, errFlaky }))
			_, err := mediator.Send(t.Context(), m, ask{})
			require.Error(t, err)
			_, err = mediator.Send(t.Context(), m, other{})
			require.Error(t, err)
			require.Equal(t, want, retries)
		})
	}
}

func TestCancelledWaitGivesItsRetryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retries := 0
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Second, Backoff: behaviors.Fixed,
			OnRetry: func(context.Context, behaviors.RetryEvent) { retries++ }})), always(errFlaky, new(int)))
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			_, err := mediator.Send(ctx, m, ask{})
			require.ErrorIs(t, err, context.Canceled)
		}
		require.Zero(t, retries)
		_, err := mediator.Send(t.Context(), m, ask{})
		require.Error(t, err)
		require.Equal(t, 3, retries)
	})
}

func TestCancelledWaitGivesAnEarnedRetryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails, retries := false, 0
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: time.Second, Backoff: behaviors.Fixed,
			Budget:  behaviors.NewBudget(behaviors.BudgetConfig{Ratio: 0.25, Min: -1}),
			OnRetry: func(context.Context, behaviors.RetryEvent) { retries++ }})),
			askFor(func(context.Context) error {
				if fails {
					return errFlaky
				}
				return nil
			}))
		for range 4 {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.NoError(t, err)
		}
		fails = true
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, context.Canceled)
		for _, want := range []error{errFlaky, behaviors.ErrRetryBudget} {
			_, err = mediator.Send(t.Context(), m, ask{})
			require.ErrorIs(t, err, want)
			require.Equal(t, 1, retries, "what four calls have earned, once")
		}
	})
}

func TestRetryBudgetIsSafeForConcurrentUse(t *testing.T) {
	b := behaviors.NewBudget(behaviors.BudgetConfig{Min: -1})
	var mu sync.Mutex
	retries := 0
	m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Nanosecond, Budget: b,
		OnRetry: func(context.Context, behaviors.RetryEvent) { mu.Lock(); retries++; mu.Unlock() }})),
		mediator.Handle(func(context.Context, ask) (int, error) { return 0, errFlaky }))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				_, _ = mediator.Send(t.Context(), m, ask{})
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, retries, 401)
	require.GreaterOrEqual(t, retries, 395)
}

// A Burst of "whatever was earned" overflowed, and nothing was ever earned.
func TestFoundBudgetOfTheLargestNumbersEarnsAndSpends(t *testing.T) {
	for name, c := range map[string]behaviors.BudgetConfig{
		"Burst": {Ratio: 1, Min: -1, Burst: math.MaxInt},
		"Min":   {Min: math.MaxInt},
		"both":  {Ratio: 1, Min: math.MaxInt, Burst: math.MaxInt},
	} {
		runs := 0
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: 1, Budget: behaviors.NewBudget(c)})),
			askFor(func(context.Context) error { runs++; return errFlaky }))
		for range 10 {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.ErrorIs(t, err, errFlaky)
		}
		require.Equal(t, 20, runs, name)
	}
}

func TestNewBudgetRefusesNonsense(t *testing.T) {
	for want, c := range map[string]behaviors.BudgetConfig{
		"behaviors: NewBudget: Ratio is 1.5, not a share from 0 to 1": {Ratio: 1.5},
		"behaviors: NewBudget: Window is negative: -1ns":              {Window: -1},
		"behaviors: NewBudget: Burst is negative: -1":                 {Burst: -1},
	} {
		require.PanicsWithValue(t, want, func() { behaviors.NewBudget(c) })
	}
}

// modelBudget is the plain model of a Budget with a ratio of a quarter, which has
// no rounding: sums in quarters of a retry.
type modelBudget struct {
	quarters, least, burst int
	window                 time.Duration
	taken                  []time.Time
}

func (m *modelBudget) call() { m.quarters = min(m.quarters+1, 4*m.burst) }

func (m *modelBudget) take() bool {
	var recent []time.Time
	for _, at := range m.taken {
		if time.Since(at) < m.window {
			recent = append(recent, at)
		}
	}
	if m.quarters < 4 && len(recent) >= m.least {
		return false
	}
	m.quarters = max(m.quarters-4, -4*m.least)
	m.taken = append(m.taken, time.Now())
	return true
}

// FuzzRetryBudget sets a Budget against the plain model: calls that succeed, calls
// that fail and would be retried once, and time that passes.
func FuzzRetryBudget(f *testing.F) {
	f.Add(uint8(3), uint8(10), []byte{1, 1, 1, 1, 1, 1, 2, 200, 1, 1})
	f.Add(uint8(0), uint8(2), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1})
	f.Add(uint8(1), uint8(1), []byte{1, 1, 1, 1, 9, 1, 1, 1, 250, 1, 1, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, least, burst uint8, steps []byte) {
		synctest.Test(t, func(t *testing.T) {
			model := &modelBudget{least: int(least % 6), burst: 1 + int(burst%12), window: time.Second}
			c := behaviors.BudgetConfig{Ratio: 0.25, Min: model.least, Burst: model.burst, Window: model.window}
			if model.least == 0 {
				c.Min = -1
			}
			fails, retried := false, false
			m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: time.Nanosecond, Backoff: behaviors.Fixed,
				Budget: behaviors.NewBudget(c), OnRetry: func(context.Context, behaviors.RetryEvent) { retried = true }})),
				mediator.Handle(func(context.Context, ask) (int, error) {
					if fails {
						return 0, errFlaky
					}
					return 0, nil
				}))
			for i, s := range steps[:min(len(steps), 300)] {
				switch {
				case s > 100:
					time.Sleep(time.Duration(s) * time.Millisecond)
				default:
					fails, retried = s%3 != 0, false
					model.call()
					want := fails && model.take()
					_, _ = mediator.Send(t.Context(), m, ask{})
					require.Equal(t, want, retried, "step %d", i)
				}
			}
		})
	})
}

func TestTheSecondFailingCallInARowGetsWhatTheBudgetHasLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		c    behaviors.RetryConfig
		want []int // attempts of each call
	}{
		"default":      {behaviors.RetryConfig{}, []int{4, 1, 1}},
		"more retries": {behaviors.RetryConfig{Retries: 5}, []int{6, 1, 1}},
		"fewer":        {behaviors.RetryConfig{Retries: 2}, []int{3, 2, 1}},
		"no budget":    {behaviors.RetryConfig{Budget: behaviors.NoBudget()}, []int{4, 4, 4}},
	} {
		synctest.Test(t, func(t *testing.T) {
			tc.c.Delay = time.Nanosecond
			calls := 0
			m := newMediator(t, mediator.Use(behaviors.Retry(tc.c)), always(errFlaky, &calls))
			for _, want := range tc.want {
				calls = 0
				_, err := mediator.Send(t.Context(), m, ask{})
				require.ErrorIs(t, err, errFlaky)
				require.Equal(t, want, calls, name)
			}
		})
	}
}
