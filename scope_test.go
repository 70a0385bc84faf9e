package mediator_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

func TestScopeKeepsItsBehaviors(t *testing.T) {
	var log journal
	note := func(name string) mediator.Behavior {
		return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			log.add(name + " " + c.Name())
			return next(ctx, c)
		})
	}
	module := mediator.Scope(
		mediator.Handle(place1, mediator.Use(note("handler"))),
		mediator.HandleStream(counting),
		mediator.Bind(func(*mediator.Mediator) mediator.Option {
			return mediator.Scope(mediator.Use(note("inner")), mediator.Subscribe(onOrder, mediator.Group("scoped")))
		}),
		mediator.Relay(func(context.Context, created) error { return nil }),
		mediator.Use(note("scope")))
	for range 2 { // one Option may serve two mediators
		log.lines = nil
		m := newMediator(t,
			mediator.HandleCommand(func(context.Context, cancelOrder) error { return nil }),
			module,
			mediator.Use(note("all")),
			mediator.Subscribe(onOrder, mediator.Group("other")))
		_, err := mediator.Send(t.Context(), m, placeOrder{})
		require.NoError(t, err)
		require.NoError(t, mediator.Exec(t.Context(), m, cancelOrder{}))
		_, err = collect(t, mediator.Stream(t.Context(), m, count{}))
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, order{}))
		require.NoError(t, mediator.Publish(t.Context(), m, created{}))
		require.Equal(t, []string{
			"all mediator_test.placeOrder", "scope mediator_test.placeOrder", "handler mediator_test.placeOrder",
			"all mediator_test.cancelOrder",
			"all mediator_test.count", "scope mediator_test.count",
			"all mediator_test.order", "scope mediator_test.order", "inner mediator_test.order",
			"all mediator_test.order",
			"all mediator_test.created", "scope mediator_test.created",
		}, log.lines)
	}
}

func TestScopeSaysWhatIsWrongInIt(t *testing.T) {
	_, err := mediator.New(mediator.Scope(nil, mediator.Use(nil), mediator.Handle(place1)), mediator.Scope(mediator.Handle(place1)))
	require.ErrorContains(t, err, "a nil Option: number 1 of 3")
	require.ErrorContains(t, err, "Use: behavior 1 of 1 is nil")
	require.ErrorIs(t, err, mediator.ErrDuplicateHandler)
}
