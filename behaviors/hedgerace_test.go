package behaviors_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// A loser that does not look at its context, and succeeds after all, answered.
func TestFoundHedgeAnswersWithTheFirstSuccessOfTwo(t *testing.T) {
	for _, slow := range []int64{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int64
			m := newMediator(t, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second})),
				mediator.Handle(func(context.Context, ask) (int, error) {
					me := sent.Add(1)
					time.Sleep(2 * time.Second)
					if me == slow {
						time.Sleep(time.Minute)
					}
					return int(me), nil
				}))
			n, err := mediator.Send(t.Context(), m, ask{})
			require.NoError(t, err)
			require.Equal(t, int(3-slow), n)
		})
	}
}
