package rejection_test

import (
	"context"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/stretchr/testify/require"
)

type ask struct{ mediator.Command }

type place struct{ mediator.Command }

func TestWhatIsTurnedAwayIsNoted(t *testing.T) {
	isolated := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	isolated.Isolate()
	empty := func() behaviors.Limiter { l := behaviors.NewLimiter(0.001, 1); l.Allow(); return l }
	full := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1})
	for name, tc := range map[string]struct {
		b   mediator.Behavior
		err error
	}{
		"RateLimit":      {behaviors.RateLimit(empty()), behaviors.ErrLimited},
		"any Limiter":    {behaviors.RateLimit(struct{ behaviors.Limiter }{empty()}), behaviors.ErrLimited},
		"RateLimitWait":  {behaviors.RateLimitWait(empty(), time.Millisecond), behaviors.ErrLimited},
		"Bulkhead":       {full, behaviors.ErrFull},
		"CircuitBreaker": {isolated, behaviors.ErrOpen},
		"MemoryGuard":    {behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 1}), behaviors.ErrMemory},
	} {
		t.Run(name, func(t *testing.T) {
			var m *mediator.Mediator
			send := func(ctx context.Context) error { return mediator.Exec(ctx, m, ask{}) }
			m, err := mediator.New(
				mediator.HandleCommand(func(context.Context, ask) error { return nil }, mediator.Named("ask"), mediator.Use(tc.b)),
				mediator.HandleCommand(func(ctx context.Context, _ place) error { return send(ctx) }, mediator.Use(full)))
			require.NoError(t, err)
			defer func() { require.NoError(t, m.Close(t.Context())) }()
			var noted []string
			ctx := rejection.Watch(t.Context(), func(c mediator.Call) { noted = append(noted, c.Name()) })
			require.ErrorIs(t, mediator.Exec(ctx, m, place{}), tc.err)
			require.Equal(t, []string{"ask"}, noted)
			require.ErrorIs(t, mediator.Exec(t.Context(), m, place{}), tc.err, "nobody watches")
			require.Len(t, noted, 1)
		})
	}
}
