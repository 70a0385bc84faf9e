package behaviors_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestRecorderShowsTheRetriesInsideOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(r, behaviors.Retry(behaviors.RetryConfig{Budget: behaviors.NoBudget()})), askFor(func(ctx context.Context) error {
			if behaviors.Attempt(ctx) < 3 {
				return errFaulty
			}
			return nil
		}))
		for range 2 {
			_, err := mediator.Send(t.Context(), m, ask{})
			require.NoError(t, err)
		}
		require.Equal(t, []behaviors.Reading{{Behavior: "retry", Scope: "ask", Name: "retries", Value: 4}}, r.Snapshot().Readings)
	})
}
