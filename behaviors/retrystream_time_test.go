package behaviors_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// A stream that lives long is not out of time because it has lived long.
func TestMaxTotalOfAStreamBeginsAgainWithItsItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t,
			mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 10, Delay: time.Second, Backoff: behaviors.Fixed, MaxTotal: 5 * time.Second})),
			mediator.HandleStream(func(ctx context.Context, q upTo) iter.Seq2[int, error] {
				from := behaviors.ResumeFrom(ctx, q)
				return func(yield func(int, error) bool) {
					time.Sleep(time.Hour)
					if from == 3 || yield(from, nil) {
						yield(0, errFlaky)
					}
				}
			}))
		items, begun := 0, time.Now()
		var last error
		for _, err := range mediator.Stream(t.Context(), m, upTo{}) {
			if last = err; err == nil {
				items++
			}
		}
		require.Equal(t, 3, items)
		require.ErrorIs(t, last, errFlaky)
		require.ErrorIs(t, last, behaviors.ErrRetryTime, "an attempt without a new item")
		require.Equal(t, 4*time.Hour+3*time.Second, time.Since(begun))
	})
}
