package behaviors_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// trialBench is a breaker whose break is over, ready for trials. It runs inside a
// synctest bubble.
type trialBench struct {
	*behaviors.Breaker
	exec func(ctx context.Context, do func(context.Context) error) error
	wg   sync.WaitGroup
}

const testBreak = 10 * time.Second

func newTrialBench(t *testing.T, trials int) *trialBench {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: testBreak, Trials: trials, Jitter: -1})
	bench := &trialBench{Breaker: b, exec: actor(t, b)}
	require.ErrorIs(t, bench.exec(t.Context(), fail), errDown)
	time.Sleep(testBreak)
	require.Equal(t, behaviors.StateHalfOpen, b.State())
	return bench
}

// hang begins a call that ends when the function is called that it returns.
func (b *trialBench) hang(t *testing.T, result error) (end func()) {
	t.Helper()
	release, began := make(chan struct{}), false
	b.wg.Go(func() {
		_ = b.exec(t.Context(), func(context.Context) error { began = true; <-release; return result })
	})
	synctest.Wait()
	require.True(t, began)
	return func() { close(release); synctest.Wait() }
}

// half-open with exactly N trials
func TestFault7HalfOpenAdmitsExactlyNTrials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 3)
		var ends []func()
		for range 3 {
			ends = append(ends, b.hang(t, nil))
		}
		for range 10 {
			after := requireRejected(t, b.exec(t.Context(), succeed))
			require.Positive(t, after)
			require.LessOrEqual(t, after, testBreak/10)
		}
		s := b.Snapshot()[0]
		require.Equal(t, 3, s.TrialsRunning)
		ends[0]()
		require.ErrorIs(t, b.exec(t.Context(), succeed), behaviors.ErrOpen, "a success does not free a permit")
		ends[1]()
		require.Equal(t, behaviors.StateHalfOpen, b.State(), "trials that began do not count, only those that succeeded")
		ends[2]()
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

func TestFault7HalfOpenUnderManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 5)
		var mu sync.Mutex
		ran, rejected := 0, 0
		release := make(chan struct{})
		for range 200 {
			b.wg.Go(func() {
				err := b.exec(t.Context(), func(context.Context) error {
					mu.Lock()
					ran++
					mu.Unlock()
					<-release
					return nil
				})
				if errors.Is(err, behaviors.ErrOpen) {
					mu.Lock()
					rejected++
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		require.Equal(t, 5, ran)
		require.Equal(t, 195, rejected)
		close(release)
		b.wg.Wait()
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

// an ignored trial gives its permit back; sticks for ever if the last trial's
// error is ignored
func TestFault7IgnoredTrialGivesItsPermitBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 1)
		for range 10 {
			err := b.exec(t.Context(), returns(behaviors.ErrLimited))
			require.ErrorIs(t, err, behaviors.ErrLimited)
			require.Equal(t, behaviors.StateHalfOpen, b.State())

			ctx, cancel := context.WithCancel(t.Context())
			err = b.exec(ctx, func(ctx context.Context) error { cancel(); return ctx.Err() })
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, behaviors.StateHalfOpen, b.State())
		}
		require.NoError(t, b.exec(t.Context(), succeed))
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

func TestBreakerFailedTrialOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 3)
		require.NoError(t, b.exec(t.Context(), succeed))
		require.ErrorIs(t, b.exec(t.Context(), fail), errDown)
		require.Equal(t, 2*testBreak, requireRejected(t, b.exec(t.Context(), succeed)))
		require.Equal(t, 1, b.Snapshot()[0].Reopened)
		time.Sleep(2 * testBreak)
		for range 3 {
			require.NoError(t, b.exec(t.Context(), succeed))
		}
		require.ErrorIs(t, b.exec(t.Context(), fail), errDown)
		require.Equal(t, testBreak, requireRejected(t, b.exec(t.Context(), succeed)), "growth ends when it closes")
	})
}

// a panic or Goexit in half-open leaves a breaker stuck
func TestFoundPanicInHalfOpenReopens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 1)
		require.Panics(t, func() { _ = b.exec(t.Context(), func(context.Context) error { panic("boom") }) })
		require.Equal(t, behaviors.StateOpen, b.State())
		time.Sleep(2 * testBreak)
		require.NoError(t, b.exec(t.Context(), succeed))
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

func TestFoundGoexitInHalfOpenReopens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 1)
		b.wg.Go(func() { _ = b.exec(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }) })
		b.wg.Wait()
		require.Equal(t, behaviors.StateOpen, b.State())
		time.Sleep(2 * testBreak)
		require.NoError(t, b.exec(t.Context(), succeed))
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

func TestFoundPanicInClassifyOrCallbackKeepsNoPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errOdd := errors.New("odd")
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{
			ConsecutiveFailures: 1, Break: testBreak, Trials: 1, Jitter: -1,
			Classify: func(err error) behaviors.Outcome {
				if errors.Is(err, errOdd) {
					panic("classify")
				}
				return behaviors.OutcomeOf(err)
			},
			OnStateChange: func(c behaviors.StateChange) {
				if c.To == behaviors.StateHalfOpen && c.Number == 2 {
					panic("callback")
				}
			},
		})
		exec := actor(t, b)
		require.ErrorIs(t, exec(t.Context(), fail), errDown)
		time.Sleep(testBreak)
		require.PanicsWithValue(t, "callback", func() { _ = exec(t.Context(), succeed) })
		require.PanicsWithValue(t, "classify", func() { _ = exec(t.Context(), returns(errOdd)) })
		require.Equal(t, behaviors.StateOpen, b.State())
		time.Sleep(2 * testBreak)
		require.NoError(t, exec(t.Context(), succeed))
		require.Equal(t, behaviors.StateClosed, b.State())
	})
}

// a hung probe holds half-open without end; longest wait
func TestFoundHungProbeDoesNotHoldHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 2)
		end := b.hang(t, nil)
		time.Sleep(testBreak - 1)
		require.ErrorIs(t, b.exec(t.Context(), returns(behaviors.ErrFull)), behaviors.ErrFull, "the other permit comes and goes")
		time.Sleep(1 * time.Nanosecond)
		require.Equal(t, behaviors.StateOpen, b.State())
		require.Equal(t, 2*testBreak, requireRejected(t, b.exec(t.Context(), succeed)), "it counts as failed")
		time.Sleep(2 * testBreak)
		require.NoError(t, b.exec(t.Context(), succeed))
		end()
		require.Equal(t, behaviors.StateHalfOpen, b.State(), "what the hung one comes to counts nowhere")
		require.NoError(t, b.exec(t.Context(), succeed))
		require.Equal(t, behaviors.StateClosed, b.State())
		b.wg.Wait()
	})
}

// a result from before the trip reopens a half-open breaker; a generation per
// permit
func TestFoundResultFromBeforeTheTripCountsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 1)
		b.Reset()
		lateFailure, lateSuccess := b.hang(t, errDown), b.hang(t, nil)
		older := b.hang(t, errDown)
		require.ErrorIs(t, b.exec(t.Context(), fail), errDown)
		require.Equal(t, behaviors.StateOpen, b.State())
		older()
		require.Equal(t, testBreak, requireRejected(t, b.exec(t.Context(), succeed)), "the break is not begun anew")
		time.Sleep(testBreak)
		trial := b.hang(t, nil)
		lateFailure()
		lateSuccess()
		require.Equal(t, behaviors.StateHalfOpen, b.State())
		trial()
		require.Equal(t, behaviors.StateClosed, b.State())
		b.wg.Wait()
	})
}

func TestFoundResultFromBeforeAResetCountsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, 1)
		trial := b.hang(t, errDown)
		b.Reset()
		trial()
		require.Equal(t, behaviors.StateClosed, b.State())
		require.Zero(t, b.Snapshot()[0].ConsecutiveFailures)
		late := b.hang(t, errDown)
		b.Isolate()
		b.Reset()
		late()
		require.Equal(t, behaviors.StateClosed, b.State())
		b.wg.Wait()
	})
}

// a callback that reads the state deadlocks; callbacks outside the lock
func TestFoundCallbackMayUseTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *behaviors.Breaker
		var seen []behaviors.StateChange
		b = behaviors.CircuitBreaker(behaviors.BreakerConfig{
			ConsecutiveFailures: 1, Trials: 1,
			OnStateChange: func(c behaviors.StateChange) {
				require.Equal(t, c.To, b.State(c.Key))
				require.Len(t, b.Snapshot(), 1)
				seen = append(seen, c)
				if c.To == behaviors.StateIsolated {
					b.Reset(c.Key)
				}
			},
		})
		exec := actor(t, b)
		require.ErrorIs(t, exec(t.Context(), fail), errDown)
		time.Sleep(30 * time.Second)
		require.NoError(t, exec(t.Context(), succeed))
		b.Isolate()
		require.Equal(t, []behaviors.StateChange{
			{Key: actName, From: behaviors.StateClosed, To: behaviors.StateOpen, Number: 1, Break: 30 * time.Second, Err: errDown},
			{Key: actName, From: behaviors.StateOpen, To: behaviors.StateHalfOpen, Number: 2},
			{Key: actName, From: behaviors.StateHalfOpen, To: behaviors.StateClosed, Number: 3},
			{Key: actName, From: behaviors.StateClosed, To: behaviors.StateIsolated, Number: 4},
			{Key: actName, From: behaviors.StateIsolated, To: behaviors.StateClosed, Number: 5},
		}, seen)
	})
}
