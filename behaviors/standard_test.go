package behaviors_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
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
