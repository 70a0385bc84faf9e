package behaviors_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// one group that fails opened the breaker for the healthy ones of the same event
func TestStandardGivesEachSubscriberABreakerOfItsOwn(t *testing.T) {
	const events = 50
	shipped := func(c behaviors.BreakerConfig) (n int) {
		m := newMediator(t,
			mediator.Use(behaviors.Standard(behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), Breaker: &c})...),
			mediator.Subscribe(func(context.Context, told) error { return errDown }, mediator.Group("mail")),
			mediator.Subscribe(func(context.Context, told) error { n++; return nil }, mediator.Group("shipping")))
		for range events {
			require.Error(t, mediator.Publish(t.Context(), m, told{}))
		}
		return n
	}
	balanced := behaviors.BreakerBalanced()
	require.Equal(t, events, shipped(balanced))
	require.False(t, balanced.PerHandler, "the caller's config is as it was")
	require.Less(t, shipped(behaviors.BreakerConfig{Key: mediator.Call.Name}), events, "who says Key gets it")
	require.Panics(t, func() { shipped(behaviors.BreakerConfig{Key: mediator.Call.Name, PerHandler: true}) }, "that is a contradiction still")
}

// New warns of nothing there: Standard's letters stand around notifications alone, and
// behaviors are not told what they stand around.
func TestASubscriberWithLettersOfItsOwnWithinStandardLeavesTwo(t *testing.T) {
	store := deadletter.NewMemory()
	own := deadletter.Behavior(store)
	m := newMediator(t,
		mediator.Use(behaviors.Standard(behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), DeadLetters: own})...),
		mediator.Handle(func(context.Context, ask) (int, error) { return 0, errDown }, mediator.Use(own)),
		mediator.Subscribe(func(context.Context, told) error { return errDown }, mediator.Use(own)))
	kept := func() (n int) {
		for _, err := range deadletter.All(t.Context(), store, deadletter.Filter{}) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	_, err := mediator.Send(t.Context(), m, ask{})
	require.ErrorIs(t, err, errDown)
	require.Equal(t, 1, kept(), "of a request, as it should be")
	require.ErrorIs(t, mediator.Publish(t.Context(), m, told{}), errDown)
	require.Equal(t, 3, kept(), "two of the subscriber")
}

// nested is a request whose handler sends ask.
type nested struct{ mediator.Command }

// one order that could not be placed left a letter for each request inside of it
func TestStandardKeepsDeadLettersOfNotificationsAlone(t *testing.T) {
	store := deadletter.NewMemory()
	kept := func() (names []string) {
		for l, err := range deadletter.All(t.Context(), store, deadletter.Filter{}) {
			require.NoError(t, err)
			names = append(names, l.Name)
		}
		return names
	}
	down := true
	var m *mediator.Mediator
	m = newMediator(t,
		mediator.Use(behaviors.Standard(behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), DeadLetters: deadletter.Behavior(store)})...),
		askFor(func(context.Context) error {
			if down {
				return errDown
			}
			return nil
		}),
		mediator.HandleCommand(func(ctx context.Context, _ nested) error { _, err := mediator.Send(ctx, m, ask{}); return err }),
		mediator.HandleStream(func(context.Context, upTo) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { yield(0, errDown) }
		}),
		mediator.Subscribe(func(context.Context, told) error { return errDown }, mediator.Named("told")))
	require.ErrorIs(t, mediator.Exec(t.Context(), m, nested{}), errDown)
	require.ErrorIs(t, drain(mediator.Stream(t.Context(), m, upTo{})), errDown)
	require.Empty(t, kept())
	require.ErrorIs(t, mediator.Publish(t.Context(), m, told{}), errDown)
	require.Equal(t, []string{"told"}, kept())

	// A letter of a request, from elsewhere, is done with once it is handled.
	require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: deadletter.NewID(), Kind: mediator.KindRequest, Name: "ask",
		Body: []byte("{}"), ContentType: "application/json"}))
	down = false
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Filter{Name: "ask"})
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven, report.String())
	require.Equal(t, []string{"told"}, kept())
}
