package mediator_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

type missed struct{ mediator.Command }

// What nobody hears is no error, but what looks like a mistake is said once.
func TestPublishWarnsOfANearMiss(t *testing.T) {
	var warned []string
	m := newMediator(t, mediator.OnWarning(func(w string) { warned = append(warned, w) }),
		mediator.Subscribe(func(context.Context, created) error { return nil }),
		mediator.Subscribe(func(context.Context, *shipped) error { return nil }),
		mediator.HandleCommand(func(context.Context, missed) error { return nil }))
	publish := func(n any) []string {
		warned = nil
		require.NoError(t, mediator.Publish(t.Context(), m, n))
		return warned
	}
	require.Empty(t, publish(created{}))
	require.Empty(t, publish(&shipped{}))
	require.Empty(t, publish("nobody, and nothing like it"))
	require.Equal(t, []string{"mediator: publish mediator_test.created: no subscriber to *mediator_test.created; " +
		"one to mediator_test.created exists: publish a value"}, publish(&created{}))
	require.Equal(t, []string{"mediator: publish mediator_test.shipped: no subscriber to mediator_test.shipped; " +
		"one to *mediator_test.shipped exists: publish a pointer"}, publish(shipped{}))
	require.Len(t, publish(missed{}), 1)
	require.Empty(t, publish(&created{}), "once a type")

	warned = nil
	require.NoError(t, mediator.Publish(t.Context(), m, &created{}))
	require.Empty(t, warned, "also if it is published as what it is")
	_, err := mediator.Listen(m, func(context.Context, any) error { return nil })
	require.NoError(t, err)
	require.Empty(t, publish(&created{}), "topics are made anew")
}

func TestNoNearMissWhereThereIsASubscriber(t *testing.T) {
	var warned []string
	m := newMediator(t, mediator.OnWarning(func(w string) { warned = append(warned, w) }),
		mediator.Subscribe(func(context.Context, any) error { return nil }),
		mediator.Subscribe(func(context.Context, created) error { return nil }),
		mediator.Subscribe(func(context.Context, *created) error { return nil }, mediator.Named("by address")),
		mediator.HandleCommand(func(context.Context, missed) error { return nil }))
	for _, n := range []any{created{}, &created{}, missed{}, shipped{}} {
		require.NoError(t, mediator.Publish(t.Context(), m, n))
	}
	require.Empty(t, warned)
}
