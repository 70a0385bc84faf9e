package behaviors_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestLimiterAllowsBurstAndThenRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := behaviors.NewLimiter(1000, 50)
		taken := 0
		for range 10_000 { // one second
			if l.Allow() {
				taken++
			}
			time.Sleep(100 * time.Microsecond)
		}
		require.Equal(t, 50+999, taken)
		time.Sleep(time.Hour)
		for range 50 {
			require.Zero(t, l.RetryAfter())
			require.True(t, l.Allow())
		}
		require.False(t, l.Allow(), "an hour saves up no more than a burst")
		require.Equal(t, time.Millisecond, l.RetryAfter())
	})
}

// cancelled waits push a limiter's later waits out; Wait gives its place back when
// cancelled
func TestFoundCancelledWaitsDoNotPushLaterWaitsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := behaviors.NewLimiter(1, 1)
		require.True(t, l.Allow())
		begun := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { require.ErrorIs(t, l.Wait(ctx), context.Canceled) })
		}
		synctest.Wait()
		var behind, last time.Duration
		wg.Go(func() { require.NoError(t, l.Wait(t.Context())); behind = time.Since(begun) })
		synctest.Wait()
		require.Equal(t, 102*time.Second, l.RetryAfter())
		time.Sleep(500 * time.Millisecond)
		cancel()
		synctest.Wait()
		require.Equal(t, 1500*time.Millisecond, l.RetryAfter())
		wg.Go(func() { require.NoError(t, l.Wait(t.Context())); last = time.Since(begun) })
		wg.Wait()
		require.Equal(t, time.Second, behind, "who was behind the cancelled ones moves up")
		require.Equal(t, 2*time.Second, last)
		require.False(t, l.Allow(), "but nobody gets more than the rate")
	})
}

func TestLimiterWaitKeepsOrderAndIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := behaviors.NewLimiter(10, 1)
		require.True(t, l.Allow())
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				require.NoError(t, l.Wait(t.Context()))
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		time.Sleep(100 * time.Millisecond)
		require.False(t, l.Allow(), "others wait")
		wg.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
	})
}

// A place whose time has come is the waiter's, though many ask for one at that
// very moment.
func TestLimiterWaitIsNotOvertakenWhenItsTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			l := behaviors.NewLimiter(1, 1)
			require.True(t, l.Allow())
			begun := time.Now()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() { time.Sleep(time.Second); require.False(t, l.Allow()) })
			}
			synctest.Wait()
			require.NoError(t, l.Wait(t.Context()))
			require.Equal(t, time.Second, time.Since(begun))
			wg.Wait()
		}
	})
}

func TestLimiterWaitRejectsAtOnceWhatWouldComeTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := behaviors.NewLimiter(1, 1)
		require.True(t, l.Allow())
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		begun := time.Now()
		err := l.Wait(ctx)
		require.ErrorIs(t, err, behaviors.ErrLimited)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		var limited *behaviors.LimitedError
		require.ErrorAs(t, l.WaitAtMost(t.Context(), time.Second-1), &limited)
		require.Equal(t, time.Second, limited.RetryAfter())
		require.Zero(t, time.Since(begun))
		require.NoError(t, l.WaitAtMost(t.Context(), time.Second))
		require.Equal(t, time.Second, time.Since(begun))
	})
}

// one stale timestamp refills a token bucket: who was interrupted between reading
// the clock and taking a place takes nothing that is not there, and leaves no more
func TestFoundAStaleTimestampRefillsNoBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := behaviors.NewLimiter(1, 100)
		drain := func() (taken int) {
			for taken < 1000 && l.Allow() {
				taken++
			}
			return taken
		}
		require.Equal(t, 100, drain())
		for _, ago := range []time.Duration{0, time.Second, time.Minute, time.Hour, 1000 * time.Hour} {
			require.False(t, behaviors.TakeStale(l, ago))
			require.Zero(t, drain(), "after a reading of %v ago", ago)
			time.Sleep(5 * time.Second)
			late := 0
			for range 10 {
				if behaviors.TakeStale(l, ago) {
					late++
				}
			}
			require.Equal(t, 5, late+drain(), "no place more, and none lost, after readings of %v ago", ago)
			require.Equal(t, time.Second, l.RetryAfter())
		}
		time.Sleep(time.Hour)
		require.False(t, behaviors.TakeStale(l, 2*time.Hour), "of when the bucket was empty")
		require.Equal(t, 100, drain(), "no more than the burst")
	})
}

// clamped to a monotonic clock
func TestFoundConcurrentTakersNeverRefillTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := behaviors.NewLimiter(1, 100)
		var wg sync.WaitGroup
		var mu sync.Mutex
		taken := 0
		for range 64 {
			wg.Go(func() {
				for range 200 {
					if l.Allow() {
						mu.Lock()
						taken++
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, 100, taken, "no time has passed")
	})
}

func TestLimiterExtremes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rare := behaviors.NewLimiter(1e-12, math.MaxInt)
		require.True(t, rare.Allow())
		time.Sleep(24 * time.Hour)
		require.False(t, rare.Allow())
		require.Positive(t, rare.RetryAfter())
		often := behaviors.NewLimiter(1e9, 1)
		require.True(t, often.Allow())
		require.False(t, often.Allow())
		time.Sleep(1 * time.Nanosecond)
		require.True(t, often.Allow())
	})
}

// endsUnseen is a context of which Err tells the end and Done does not yet, as
// when a select had both to choose from.
type endsUnseen struct {
	context.Context
	ended atomic.Bool
}

func (*endsUnseen) Done() <-chan struct{} { return nil }

func (c *endsUnseen) Err() error {
	if c.ended.Load() {
		return context.Canceled
	}
	return nil
}

// Wait took a place under a context that ended just when its time came
func TestFoundWaitTakesNoPlaceUnderAnEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := behaviors.NewLimiter(1, 1)
		require.True(t, l.Allow())
		ctx := &endsUnseen{Context: context.Background()}
		time.AfterFunc(500*time.Millisecond, func() { ctx.ended.Store(true) })
		require.ErrorIs(t, l.Wait(ctx), context.Canceled)
		require.True(t, l.Allow(), "the place is there still")
	})
}
