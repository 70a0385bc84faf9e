package behaviors_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestFallbackAnswersForAFailure(t *testing.T) {
	var seen error
	fall := behaviors.Fallback(func(_ context.Context, err error) (int, error) { seen = err; return 42, nil })
	var calls int
	m := newMediator(t, mediator.Use(fall), failing(1, &calls))
	n, err := mediator.Send(t.Context(), m, ask{N: 7})
	require.NoError(t, err)
	require.Equal(t, 42, n)
	require.ErrorIs(t, seen, errFlaky)
	n, err = mediator.Send(t.Context(), m, ask{N: 7})
	require.NoError(t, err)
	require.Equal(t, 7, n, "a success is left alone")
}

func TestFallbackMayDecline(t *testing.T) {
	own := errors.New("no fallback either")
	for name, tc := range map[string]struct {
		give func(err error) error
		want []error
	}{
		"with the same error": {func(err error) error { return err }, []error{errFlaky}},
		"with another":        {func(error) error { return own }, []error{errFlaky, own}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMediator(t, always(errFlaky, new(int)), mediator.Use(behaviors.Fallback(
				func(_ context.Context, err error) (int, error) { return 1, tc.give(err) })))
			_, err := mediator.Send(t.Context(), m, ask{})
			for _, want := range tc.want {
				require.ErrorIs(t, err, want)
			}
			if len(tc.want) == 1 {
				require.Equal(t, errFlaky, err)
			}
		})
	}
}

func TestFallbackOfCommandsAndNotifications(t *testing.T) {
	type order struct{ mediator.Command }
	fall := behaviors.Fallback(func(context.Context, error) (mediator.None, error) { return mediator.None{}, nil })
	m := newMediator(t, mediator.Use(fall), mediator.HandleCommand(func(context.Context, order) error { return errFlaky }),
		mediator.Subscribe(func(context.Context, told) error { return errFlaky }))
	require.NoError(t, mediator.Exec(t.Context(), m, order{}))
	require.NoError(t, mediator.Publish(t.Context(), m, told{}))
}

func TestFallbackWithTheWrongResponseSaysSo(t *testing.T) {
	fall := behaviors.Fallback(func(context.Context, error) (string, error) { t.Error("not for this message"); return "", nil })
	m := newMediator(t, mediator.Use(fall), always(errFlaky, new(int)),
		mediator.Subscribe(func(context.Context, told) error { return errFlaky }),
		mediator.HandleStream((&broken{failAt: []int{0}}).handle))
	_, send := mediator.Send(t.Context(), m, ask{})
	_, stream := collect(t.Context(), m, "ab")
	for _, err := range []error{send, mediator.Publish(t.Context(), m, told{}), stream} {
		require.ErrorIs(t, err, errFlaky)
		require.ErrorIs(t, err, mediator.ErrMessageType)
	}
	require.ErrorContains(t, send, "Fallback[string] around the request behaviors_test.ask")
}

func TestFoundFallbackDoesNotRunUnderAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := newMediator(t, mediator.Use(behaviors.Fallback(func(context.Context, error) (int, error) { t.Error("nobody waits"); return 0, nil })),
		mediator.Handle(func(ctx context.Context, _ ask) (int, error) { cancel(); return 0, ctx.Err() }))
	_, err := mediator.Send(ctx, m, ask{})
	require.Equal(t, context.Canceled, err)
}

func TestFallbackDoesNotStandInForAStoppedSubscriber(t *testing.T) {
	fall := behaviors.Fallback(func(context.Context, error) (mediator.None, error) {
		t.Error("nobody wants the event any more")
		return mediator.None{}, nil
	})
	m := newMediator(t, mediator.Use(fall))
	var stop func()
	stopping := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		stop()
		return next(ctx, c)
	})
	stop, err := mediator.Listen(m, func(context.Context, told) error { t.Error("called after stop"); return nil }, mediator.Use(stopping))
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, told{}))
}

func TestFallbackAnswersForARequestThatMetAStoppedSubscriber(t *testing.T) {
	m := newMediator(t, mediator.Use(behaviors.Fallback(func(context.Context, error) (int, error) { return 7, nil })),
		mediator.Handle(func(context.Context, ask) (int, error) { return 0, mediator.ErrUnsubscribed }))
	n, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	require.Equal(t, 7, n)
}

func TestFallbackOnTheHappyPath(t *testing.T) {
	require.PanicsWithValue(t, "behaviors: Fallback: the function is nil", func() { behaviors.Fallback[int](nil) })
	requireNoAllocs(t, behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil }))
}

func BenchmarkFallback(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("fallback", func(b *testing.B) {
		benchSend(b, behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil }))
	})
}
