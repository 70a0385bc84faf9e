package behaviors_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
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

		"recovers panics":              {behaviors.Recover(), false},
		"Key is given the Call":        {behaviors.CircuitBreaker(behaviors.BreakerConfig{Key: mediator.Call.Name}), false},
		"the condition is given it":    {behaviors.When(always, behaviors.Validate()), false},
		"forks it":                     {behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second}), false},
		"on another goroutine":         {behaviors.Coalesce(mediator.Call.Name), false},
		"from the timer of a stream":   {behaviors.Slow(behaviors.SlowConfig{}), false},
		"given to functions of others": {behaviors.Log(slog.New(slog.DiscardHandler)), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := c.b.(mediator.CallScoper)
			require.Equal(t, c.want, ok && s.ScopedCall())
		})
	}
}
