package behaviors_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/stretchr/testify/require"
)

type report struct{ mediator.Command }

func TestWhatAGuardOfOnesOwnRefusesIsARejection(t *testing.T) {
	recorder := behaviors.NewRecorder()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	guard := mediator.Around(func(context.Context, mediator.Call, mediator.Next) error {
		return fmt.Errorf("maintenance: %w", behaviors.ErrRefused)
	})
	m, err := mediator.New(mediator.Use(recorder, breaker, guard),
		mediator.HandleCommand(func(context.Context, report) error { return nil }, mediator.Named("report")))
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close(t.Context())) }()
	err = mediator.Exec(t.Context(), m, report{})
	require.ErrorIs(t, err, behaviors.ErrRefused)
	require.EqualValues(t, 1, recorder.Snapshot().Message("report").Count(behaviors.Rejected))
	require.Equal(t, behaviors.StateClosed, breaker.State())
	require.Equal(t, behaviors.OutcomeIgnored, behaviors.OutcomeOf(err))
	require.True(t, rejection.Is(err), "for a health.Monitor")
	require.True(t, behaviors.Retryable(err), "it may be let through later")
}

func ExampleErrRefused() {
	closed := true
	maintenance := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if closed {
			return fmt.Errorf("closed for maintenance: %w", behaviors.ErrRefused)
		}
		return next(ctx, c)
	})
	recorder := behaviors.NewRecorder()
	m, err := mediator.New(mediator.Use(recorder, maintenance),
		mediator.HandleCommand(func(context.Context, report) error { return nil }, mediator.Named("report")))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	fmt.Println(mediator.Exec(ctx, m, report{}))
	closed = false
	fmt.Println(mediator.Exec(ctx, m, report{}))
	calls := recorder.Snapshot().Message("report")
	fmt.Println(calls.Count(behaviors.Rejected), "rejected,", calls.Count(behaviors.Failed), "failed,", calls.Count(behaviors.Succeeded), "succeeded")
	// Output:
	// closed for maintenance: refused
	// <nil>
	// 1 rejected, 0 failed, 1 succeeded
}
