package deadletter_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

var errOffline = errors.New("offline")

// listener wires a subscriber that fails, behind retries, and is stopped meanwhile.
func listener(t *testing.T, store deadletter.Store) (m *mediator.Mediator, attempts *int) {
	attempts = new(int)
	m = newMediator(t, mediator.Use(deadletter.Behavior(store), behaviors.Retry(behaviors.RetryConfig{Retries: 3, Delay: time.Second})))
	var stop func()
	stop, err := mediator.Listen(m, func(context.Context, OrderPaid) error { *attempts++; stop(); return errOffline }, mediator.Group("books"))
	require.NoError(t, err)
	return m, attempts
}

func TestASubscriberThatIsStoppedBetweenAttemptsHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		m, attempts := listener(t, store)
		err := mediator.Publish(t.Context(), m, OrderPaid{Receipt: 7})
		require.ErrorIs(t, err, mediator.ErrUnsubscribed)
		require.Equal(t, 1, *attempts)
		l := theLetter(t, store)
		require.Equal(t, "books", l.Group)
		require.Contains(t, l.Errors[0], "subscription was stopped")
	})
}

func TestARedriveKeepsTheLetterOfASubscriberThatIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: deadletter.NewID(), Name: "deadletter_test.OrderPaid", Kind: mediator.KindNotification,
			Group: "books", ContentType: "application/json", Body: []byte(`{"Receipt":7}`), Attempts: 1}))
		m, attempts := listener(t, store)
		report, err := deadletter.Redrive(t.Context(), m, store)
		require.NoError(t, err)
		require.Equal(t, "0 redriven, 1 failed, 0 skipped", report.String())
		require.Equal(t, 1, *attempts)
		theLetter(t, store)
	})
}

// Who stops a subscription wants none of the notifications that are on their way.
func TestASubscriberThatIsStoppedBeforeItRanLeavesNoLetter(t *testing.T) {
	store, all := deadletter.NewMemory(), deadletter.NewMemory()
	recorder := behaviors.NewRecorder()
	var stop func()
	stopping := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		stop()
		return next(ctx, c)
	})
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	m := newMediator(t, mediator.Use(recorder, deadletter.Behavior(store), deadletter.Behavior(all, deadletter.Cancelled()), behaviors.Retry(behaviors.RetryConfig{Retries: 3}), breaker))
	stop, err := mediator.Listen(m, func(context.Context, OrderPaid) error { t.Error("called after stop"); return nil }, mediator.Use(stopping))
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{}))
	require.Empty(t, letters(t, store))
	require.Empty(t, letters(t, all), "nor with those of callers that have left")
	e := recorder.Snapshot().Entries[0]
	require.EqualValues(t, 1, e.Count(behaviors.Canceled))
	require.Zero(t, e.Count(behaviors.Succeeded))
	require.Equal(t, behaviors.StateClosed, breaker.Snapshot()[0].State)
}

// What it returns says more than that it was stopped.
func TestAnErrorBesideTheStopOfASubscriberMakesALetter(t *testing.T) {
	for name, failed := range map[string]func(next func() error) error{
		"an attempt before": func(next func() error) error { return errors.Join(errOffline, next()) },
		"of a call that it made": func(func() error) error {
			return &mediator.Error{Op: "publish", Name: "another", Err: mediator.ErrUnsubscribed}
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory()
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)))
			var stop func()
			stop, err := mediator.Listen(m, func(context.Context, OrderPaid) error { return nil }, mediator.Group("books"),
				mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
					stop()
					return failed(func() error { return next(ctx, c) })
				})))
			require.NoError(t, err)
			require.ErrorIs(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 7}), mediator.ErrUnsubscribed)
			require.Equal(t, "books", theLetter(t, store).Group)
		})
	}
}
