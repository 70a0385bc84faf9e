package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func ExampleBusiness() {
	soldOut := errors.New("sold out")
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	runs := 0
	m, err := mediator.New(
		mediator.Use(behaviors.Retry(behaviors.RetryConfig{}), breaker),
		mediator.Handle(func(context.Context, price) (int, error) { runs++; return 0, behaviors.Business(soldOut) }))
	if err != nil {
		panic(err)
	}
	_, err = mediator.Send(context.Background(), m, price{SKU: "x"})
	fmt.Println(err, errors.Is(err, soldOut))
	fmt.Println("ran", runs, "time, the breaker is", breaker.State())
	// Output:
	// sold out true
	// ran 1 time, the breaker is closed
}

func TestBusinessErrorsFollowOneRule(t *testing.T) {
	require.NoError(t, behaviors.Business(nil))
	inner := fmt.Errorf("no credit: %w", io.EOF)
	for name, err := range map[string]error{
		"marked":            behaviors.Business(inner),
		"wrapped":           fmt.Errorf("place: %w", behaviors.Business(inner)),
		"of its own":        businessError{true},
		"invalid":           behaviors.ErrInvalid,
		"of Validate":       &behaviors.InvalidError{Err: io.EOF},
		"marked over a no":  behaviors.Business(businessError{false}),
		"joined to another": errors.Join(io.EOF, behaviors.Business(inner)),
	} {
		require.False(t, behaviors.Retryable(err), name)
		require.Equal(t, behaviors.OutcomeIgnored, behaviors.OutcomeOf(err), name)
		require.Equal(t, behaviors.OutcomeIgnored, behaviors.ExternalAPIOutcome(err), name)
		var business interface{ Business() bool }
		require.ErrorAs(t, err, &business, name)
		require.True(t, business.Business(), name)
	}
	marked := behaviors.Business(inner)
	require.EqualError(t, marked, "no credit: EOF")
	require.ErrorIs(t, marked, io.EOF)
	require.ErrorIs(t, &behaviors.InvalidError{Err: io.EOF}, behaviors.ErrInvalid)
	require.True(t, (&behaviors.InvalidError{}).Business())
	require.True(t, behaviors.Retryable(businessError{false}))

	panicked := &mediator.PanicError{Value: marked}
	require.Equal(t, behaviors.OutcomeFailure, behaviors.OutcomeOf(panicked))
	require.Equal(t, behaviors.OutcomeFailure, behaviors.DatabaseOutcome(panicked))
	require.False(t, behaviors.Retryable(panicked))
}
