package behaviors_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

type fragile struct {
	mediator.Command
	fail bool
}

func TestHealthOfABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Trials: 1, Break: time.Minute})
		health := map[string]error{}
		m, err := mediator.New(mediator.Use(b), mediator.HandleCommand(func(_ context.Context, f fragile) error {
			health = maps.Collect(b.Health())
			if f.fail {
				return broken
			}
			return nil
		}, mediator.Named("fragile")))
		require.NoError(t, err)

		require.ErrorIs(t, mediator.Exec(t.Context(), m, fragile{fail: true}), broken)
		require.Equal(t, map[string]error{"fragile": nil}, health)
		require.ErrorIs(t, maps.Collect(b.Health())["fragile"], behaviors.ErrOpen)

		time.Sleep(2 * time.Minute)
		require.NoError(t, mediator.Exec(t.Context(), m, fragile{}))
		require.ErrorContains(t, health["fragile"], behaviors.StateHalfOpen.String(), "while the trial runs")
		for range b.Health() {
			break
		}
	})
}
