package behaviors_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// numberOf is the number of an ask.
func numberOf(_ context.Context, c mediator.Call) string { return strconv.Itoa(c.Message().(ask).N) }

func TestRateLimitByGivesEachKeyItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []string
		limit := behaviors.RateLimitBy(numberOf, func(key string) behaviors.Limiter {
			made = append(made, key)
			if key == "0" {
				return nil
			}
			return behaviors.NewLimiter(1, 1)
		}, behaviors.RateLimitConfig{Name: "tenants"})
		m := newMediator(t, mediator.Use(limit), askFor(func(context.Context) error { return nil }))
		for range 3 {
			_, err := mediator.Send(t.Context(), m, ask{N: 0})
			require.NoError(t, err, "it has no limit")
		}
		for _, n := range []int{1, 2} {
			_, err := mediator.Send(t.Context(), m, ask{N: n})
			require.NoError(t, err)
			_, err = mediator.Send(t.Context(), m, ask{N: n})
			require.ErrorIs(t, err, behaviors.ErrLimited)
			var limited *behaviors.LimitedError
			require.ErrorAs(t, err, &limited)
			require.Equal(t, time.Second, limited.RetryAfter())
		}
		_, err := mediator.Send(t.Context(), m, ask{N: 3})
		require.NoError(t, err)
		require.Equal(t, []string{"0", "1", "2", "3"}, made, "once a key")
		require.Equal(t, []string{"tenants: 1=1", "tenants: 2=1"}, scopesOf(limit, "rejections"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = mediator.Send(ctx, m, ask{N: 0})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestRateLimitByWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, askFor(func(context.Context) error { return nil }), mediator.Use(behaviors.RateLimitBy(numberOf,
			func(string) behaviors.Limiter { return behaviors.NewLimiter(1, 1) }, behaviors.RateLimitConfig{MaxWait: time.Second})))
		begun := time.Now()
		for range 2 {
			for n := range 3 {
				_, err := mediator.Send(t.Context(), m, ask{N: n})
				require.NoError(t, err)
			}
		}
		require.Equal(t, time.Second, time.Since(begun), "each waits for its own")
	})
}

func TestRateLimitByIsBoundedInTheNumberOfKeys(t *testing.T) {
	made := 0
	limit := behaviors.RateLimitBy(numberOf, func(key string) behaviors.Limiter {
		made++
		require.Equal(t, made > 1000, key == behaviors.BreakerOtherKeys)
		return behaviors.NewLimiter(1e-9, 1)
	})
	m := newMediator(t, mediator.Use(limit), askFor(func(context.Context) error { return nil }))
	for n := range 1010 {
		_, err := mediator.Send(t.Context(), m, ask{N: n})
		require.Equal(t, n > 1000, err != nil, "the rest share one")
	}
	require.Equal(t, 1001, made)
	require.Equal(t, []string{fmt.Sprint(behaviors.BreakerOtherKeys, "=9")}, scopesOf(limit, "rejections"))
}

func TestRateLimitByRefusesNonsense(t *testing.T) {
	limiter := func(string) behaviors.Limiter { return nil }
	requirePanics(t, "a function is nil", func() { behaviors.RateLimitBy(nil, limiter) })
	requirePanics(t, "a function is nil", func() { behaviors.RateLimitBy(numberOf, nil) })
	requirePanics(t, "MaxWait is negative", func() { behaviors.RateLimitBy(numberOf, limiter, behaviors.RateLimitConfig{MaxWait: -1}) })
	requirePanics(t, "at most one", func() {
		behaviors.RateLimitBy(numberOf, limiter, behaviors.RateLimitConfig{}, behaviors.RateLimitConfig{})
	})
}

func TestRateLimitByAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.RateLimitBy(func(context.Context, mediator.Call) string { return "all" },
		func(string) behaviors.Limiter { return behaviors.NewLimiter(1e9, 1000) }))
}
