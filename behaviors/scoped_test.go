package behaviors_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

func TestWhichBehaviorsKeepNoCall(t *testing.T) {
	always := func(mediator.Call) bool { return true }
	for name, c := range map[string]struct {
		b    mediator.Behavior
		want bool
	}{
		"Fallback":       {behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil }), true},
		"Validate":       {behaviors.Validate(), true},
		"Retry":          {behaviors.Retry(behaviors.RetryConfig{}), true},
		"CircuitBreaker": {behaviors.CircuitBreaker(behaviors.BreakerConfig{}), true},
		"Bulkhead":       {behaviors.Bulkhead(behaviors.BulkheadConfig{}), true},
		"RateLimit":      {behaviors.RateLimit(behaviors.NewLimiter(1, 1)), true},
		"Timeout":        {behaviors.Timeout(time.Second), true},
		"MemoryGuard":    {behaviors.MemoryGuard(behaviors.MemoryGuardBalanced()), true},
		"Recorder":       {behaviors.NewRecorder(), true},

		"Log":  {behaviors.Log(slog.New(slog.DiscardHandler)), true},
		"Slow": {behaviors.Slow(behaviors.SlowConfig{}), true},
		"When": {behaviors.When(always, behaviors.Validate()), true},

		"recovers panics":        {behaviors.Recover(), false},
		"Key is given the Call":  {behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: mediator.Call.Name}), false},
		"as does what is inside": {behaviors.When(always, behaviors.Recover()), false},
		"forks it":               {behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second}), false},
		"on another goroutine":   {behaviors.Coalesce(mediator.Call.Name), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := c.b.(mediator.CallScoper)
			require.Equal(t, c.want, ok && s.ScopedCall())
		})
	}
}

// So that nothing around a handler need be guarded.
func TestWhatStandardHasConfinesItsCalls(t *testing.T) {
	bs := behaviors.Standard(behaviors.StandardConfig{
		Recorder: behaviors.NewRecorder(), DeadLetters: deadletter.Behavior(deadletter.NewMemory()), Limiter: unlimited{}, Bulkhead: &behaviors.BulkheadConfig{},
		Retry: &behaviors.RetryConfig{}, Breaker: &behaviors.BreakerConfig{}, Timeout: time.Second,
	})
	require.Len(t, bs, 11)
	bs = append(bs, health.New(health.Config{}), backpressure.New(backpressure.Config{}))
	for _, b := range slices.Concat(bs, behaviors.Except(behaviors.IsNamed("x"), bs...)) {
		s, scoped := b.(mediator.CallScoper)
		c, confined := b.(mediator.CallConfiner)
		require.True(t, scoped && s.ScopedCall() || confined && c.ConfinesCall(), nameOf(b))
	}
}
