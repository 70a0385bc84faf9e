package rejection_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheGuardsOfBehaviorsAreKnown(t *testing.T) {
	for _, err := range []error{behaviors.ErrOpen, behaviors.ErrLimited, behaviors.ErrFull, behaviors.ErrMemory, behaviors.ErrRefused} {
		require.True(t, rejection.Is(err), err)
		require.True(t, rejection.Is(fmt.Errorf("charge: %w", err)), err)
	}
	require.False(t, rejection.Is(nil))
	require.False(t, rejection.Is(errors.New("broken")))
	require.False(t, rejection.Is(behaviors.ErrInvalid), "it is an answer")
	require.False(t, rejection.Is((*behaviors.RetryError)(nil)), "it panics when it is asked")
}

func TestUnsubscribedSaysNoMore(t *testing.T) {
	stopped, broken := mediator.ErrUnsubscribed, errors.New("broken")
	for _, err := range []error{stopped, fmt.Errorf("audit: %w", stopped), errors.Join(stopped), &behaviors.RetryError{Tries: 1, Err: stopped}} {
		require.True(t, rejection.Unsubscribed(err), err)
	}
	for _, err := range []error{nil, broken, errors.Join(broken, stopped), fmt.Errorf("%w, then %w", stopped, broken),
		fmt.Errorf("audit: %w", &behaviors.RetryError{Tries: 2, Err: stopped}),
		&mediator.Error{Op: "publish", Group: "g", Err: stopped}, fmt.Errorf("audit: %w", &mediator.Error{Op: "publish", Err: stopped})} {
		require.False(t, rejection.Unsubscribed(err), err)
	}
}

type asked struct{}

// The handler ran: it has failed, of somebody else's subscription.
func TestWhoCallsAStoppedSubscriberIsNotStopped(t *testing.T) {
	recorder := behaviors.NewRecorder()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	var m *mediator.Mediator
	var stop func()
	m, err := mediator.New(
		mediator.Subscribe(func(ctx context.Context, _ asked) error {
			return mediator.DispatchTo(ctx, m, "told", "other", func(any) error { stop(); return nil })
		}, mediator.Named("asked"), mediator.Group("g"), mediator.Use(recorder, breaker)))
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close(t.Context())) }()
	stop, err = mediator.Listen(m, func(context.Context, struct{ N int }) error { return nil }, mediator.Named("told"), mediator.Group("other"))
	require.NoError(t, err)
	require.ErrorIs(t, mediator.Publish(t.Context(), m, asked{}), mediator.ErrUnsubscribed)
	require.EqualValues(t, 1, recorder.Snapshot().Message("asked").Count(behaviors.Failed))
	require.Equal(t, behaviors.StateOpen, breaker.State())
}
