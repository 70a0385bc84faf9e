package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// limitedByKey is a mediator with a RateLimitBy that has room for two keys.
func limitedByKey(t *testing.T, limiter func(key string) behaviors.Limiter) (m *mediator.Mediator, send func(n int) error, limit mediator.Behavior) {
	limit = behaviors.RateLimitBy(numberOf, limiter, behaviors.RateLimitConfig{Name: "tenants", MaxKeys: 2})
	m = newMediator(t, mediator.Use(limit), askFor(func(context.Context) error { return nil }))
	return m, func(n int) error { _, err := mediator.Send(t.Context(), m, ask{N: n}); return err }, limit
}

// The first call of a tenant was refused since others had used up what is for the rest,
// with a thousand that had not come for an hour.
func TestFoundIdleKeysOfARateLimitByMakeRoom(t *testing.T) {
	for name, newLimiter := range map[string]func() behaviors.Limiter{
		"GCRA":          func() behaviors.Limiter { return behaviors.NewLimiter(0.1, 1) },
		"*rate.Limiter": func() behaviors.Limiter { return rate.NewLimiter(0.1, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var made []string
				_, send, limit := limitedByKey(t, func(key string) behaviors.Limiter { made = append(made, key); return newLimiter() })
				require.NoError(t, send(1))
				time.Sleep(5 * time.Second)
				require.NoError(t, send(2))
				require.ErrorIs(t, send(2), behaviors.ErrLimited)
				require.NoError(t, send(3))
				require.ErrorIs(t, send(4), behaviors.ErrLimited, "both are in use: the rest share one")
				require.Equal(t, []string{"1", "2", behaviors.BreakerOtherKeys}, made)

				time.Sleep(5 * time.Second)
				require.NoError(t, send(5), "1 has all of its burst again")
				require.ErrorIs(t, send(5), behaviors.ErrLimited)
				require.ErrorIs(t, send(2), behaviors.ErrLimited, "it had some time to go, and still has")
				require.Equal(t, []string{"tenants: (other)=1", "tenants: 2=2", "tenants: 5=1"}, scopesOf(limit, "rejections"))

				time.Sleep(time.Hour)
				for n := 6; n < 8; n++ {
					require.NoError(t, send(n))
				}
				require.Equal(t, []string{"tenants: (other)=4"}, scopesOf(limit, "rejections"), "none is lost")
			})
		})
	}
}

func TestKeysWhoseLimiterDoesNotTellKeepTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []string
		_, send, _ := limitedByKey(t, func(key string) behaviors.Limiter { made = append(made, key); return unlimited{} })
		for n := range 4 {
			require.NoError(t, send(n))
			time.Sleep(time.Hour)
		}
		require.Equal(t, []string{"0", "1", behaviors.BreakerOtherKeys}, made)
	})
}

func TestKeysWithoutALimitMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []string
		_, send, _ := limitedByKey(t, func(key string) behaviors.Limiter { made = append(made, key); return nil })
		for range 3 {
			for n := range 2 {
				require.NoError(t, send(n))
			}
		}
		for n := range 4 { // all that come within a second: the keys are not looked through for each
			require.NoError(t, send(2+n))
		}
		require.Equal(t, []string{"0", "1", "2", "3", behaviors.BreakerOtherKeys}, made)
	})
}

func TestFoundALimiterThatIsSlowToMakeKeepsNoOtherKeyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		m, send, _ := limitedByKey(t, func(key string) behaviors.Limiter {
			if key == "1" {
				calls++
				time.Sleep(time.Minute)
			}
			return behaviors.NewLimiter(0.001, 2)
		})
		begun := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := send(1); err != nil {
					require.ErrorIs(t, err, behaviors.ErrLimited)
				}
				require.Equal(t, time.Minute, time.Since(begun), "it is made once, and those of the key wait")
			})
		}
		synctest.Wait()
		require.NoError(t, send(2))
		require.Equal(t, begun, time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := mediator.Send(ctx, m, ask{N: 1})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun), "nobody waits for longer than his time")
		wg.Wait()
		require.Equal(t, 1, calls)
		require.ErrorIs(t, send(1), behaviors.ErrLimited)
	})
}

func TestAKeyWhoseLimiterPanicsIsTriedAgain(t *testing.T) {
	down := true
	_, send, _ := limitedByKey(t, func(string) behaviors.Limiter {
		if down {
			panic("no connection")
		}
		return behaviors.NewLimiter(0.001, 1)
	})
	for n := range 5 {
		require.PanicsWithValue(t, "no connection", func() { _ = send(n) })
	}
	down = false
	for n := range 2 {
		require.NoError(t, send(n), "none of them takes the place of another")
		require.ErrorIs(t, send(n), behaviors.ErrLimited)
	}
}

func TestMaxKeysIsForRateLimitByAlone(t *testing.T) {
	requirePanics(t, "take RateLimitBy", func() { behaviors.RateLimitWith(unlimited{}, behaviors.RateLimitConfig{MaxKeys: 1}) })
	requirePanics(t, "MaxKeys is negative", func() {
		behaviors.RateLimitBy(numberOf, func(string) behaviors.Limiter { return nil }, behaviors.RateLimitConfig{MaxKeys: -1})
	})
}

// Each key is let through as often as its limit allows, however its limit is found.
func TestRateLimitByUnderLoad(t *testing.T) {
	const keys, calls, burst = 50, 40, 7
	limit := behaviors.RateLimitBy(numberOf, func(string) behaviors.Limiter { return behaviors.NewLimiter(1e-6, burst) })
	m := newMediator(t, mediator.Use(limit), askFor(func(context.Context) error { return nil }))
	var mu sync.Mutex
	passed := map[int]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range keys * calls / 4 {
				_, err := mediator.Send(t.Context(), m, ask{N: i % keys})
				switch {
				case err == nil:
					mu.Lock()
					passed[i%keys]++
					mu.Unlock()
				case !errors.Is(err, behaviors.ErrLimited):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for n := range keys {
		require.Equal(t, burst, passed[n], n)
	}
	require.Contains(t, scopesOf(limit, "rejections"), fmt.Sprint("0=", calls-burst))
}
