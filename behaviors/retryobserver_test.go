package behaviors_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func ExampleObserveRetries() {
	traced := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return next(behaviors.ObserveRetries(ctx, func(_ context.Context, r behaviors.RetryEvent) {
			fmt.Printf("%s: attempt %d after: %v\n", r.Name, r.Attempt, r.Err)
		}), c)
	})
	failures := 1
	m, err := mediator.New(
		mediator.Use(traced, behaviors.Retry(behaviors.RetryConfig{Delay: time.Millisecond})),
		mediator.Handle(func(context.Context, price) (int, error) {
			if failures > 0 {
				failures--
				return 0, errFlaky
			}
			return 12, nil
		}, mediator.Named("shop.price")))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Send(context.Background(), m, price{SKU: "x"}))
	// Output:
	// shop.price: attempt 2 after: down
	// 12 <nil>
}

func TestObserveRetriesIsToldBesidesOnRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told, observed []behaviors.RetryEvent
		var attempts []int
		retry := behaviors.RetryConfig{OnRetry: func(_ context.Context, r behaviors.RetryEvent) { told = append(told, r) }}
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(retry)), failing(2, &calls))
		ctx := behaviors.ObserveRetries(t.Context(), func(ctx context.Context, r behaviors.RetryEvent) {
			require.Len(t, told, len(observed)+1, "after OnRetry")
			observed, attempts = append(observed, r), append(attempts, behaviors.Attempt(ctx))
		})
		_, err := mediator.Send(ctx, m, ask{})
		require.NoError(t, err)
		require.Len(t, observed, 2)
		require.Equal(t, told, observed)
		require.Equal(t, []int{2, 3}, attempts)
		_, err = mediator.Send(ctx, m, ask{})
		require.NoError(t, err)
		require.Len(t, observed, 2, "a call that is not retried tells nothing")
	})
}

func TestObserveRetriesTellsTheNearestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outer, inner []string
		note := func(to *[]string) func(context.Context, behaviors.RetryEvent) {
			return func(_ context.Context, r behaviors.RetryEvent) { *to = append(*to, fmt.Sprint(r.Name, " ", r.Attempt)) }
		}
		stream := broken{failAt: []int{0}}
		failures := 1
		var m *mediator.Mediator
		m = newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})),
			mediator.HandleStream(stream.handle, mediator.Named("letters")),
			mediator.Handle(func(ctx context.Context, q ask) (int, error) {
				if q.N == 0 {
					_, err := collect(behaviors.ObserveRetries(ctx, note(&inner)), m, "ab")
					require.NoError(t, err)
				}
				if failures > 0 {
					failures--
					return 0, errFlaky
				}
				return 0, nil
			}, mediator.Named("ask")))
		_, err := mediator.Send(behaviors.ObserveRetries(t.Context(), note(&outer)), m, ask{})
		require.NoError(t, err)
		require.Equal(t, []string{"letters 2"}, inner, "streams tell too")
		require.Equal(t, []string{"ask 2"}, outer)
	})
}

func TestObserveRetriesIsNotToldWhereNoRetryFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, observed int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 1})), failing(9, &calls))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ctx = behaviors.ObserveRetries(ctx, func(context.Context, behaviors.RetryEvent) {
			if observed++; observed == 2 {
				cancel()
			}
		})
		_, err := mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, 2, calls)
		require.Equal(t, 1, observed, "the last failure is followed by none")
		_, err = mediator.Send(ctx, m, ask{})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 3, calls, "one that ends the call keeps the attempt from beginning")
	})
	require.PanicsWithValue(t, "behaviors: ObserveRetries: the function is nil",
		func() { behaviors.ObserveRetries(t.Context(), nil) })
}
