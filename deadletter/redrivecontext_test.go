package deadletter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// stamped is a request, too, whose handler has other behaviors.
type stamped struct {
	mediator.Command
	N int
}

type stampKey struct{}

// stamping knows what the letters of the relay that it stands around carry.
type stamping struct{}

func (stamping) Wrap(next mediator.Next) mediator.Next { return next }

func (stamping) RedriveContext(ctx context.Context, l deadletter.Letter) context.Context {
	return context.WithValue(ctx, stampKey{}, l.Headers["stamp"])
}

func TestRedriveAsksTheRelaysBehaviorsForTheContext(t *testing.T) {
	var got []any
	m, err := mediator.New(
		mediator.HandleCommand(func(context.Context, stamped) error { return errors.New("never called") }),
		mediator.Relay(func(context.Context, stamped) error { return errors.New("never called") }, mediator.Use(stamping{})),
		mediator.Subscribe(func(ctx context.Context, _ stamped) error {
			got = append(got, ctx.Value(stampKey{}))
			return nil
		}, mediator.Group("g")))
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close(t.Context())) }()
	letter := deadletter.Letter{ID: deadletter.NewID(), Name: "deadletter_test.stamped", Kind: mediator.KindNotification, Group: "g",
		Body: []byte(`{"N":1}`), ContentType: "application/json", Headers: map[string]string{"stamp": "acme"}}
	store := deadletter.NewMemory()
	for _, opts := range [][]deadletter.RedriveOption{nil, {deadletter.Context(func(ctx context.Context, _ deadletter.Letter) context.Context {
		return context.WithValue(ctx, stampKey{}, ctx.Value(stampKey{}).(string)+", again")
	})}} {
		require.NoError(t, store.Put(t.Context(), letter))
		report, err := deadletter.Redrive(t.Context(), m, store, opts...)
		require.NoError(t, err)
		require.Equal(t, 1, report.Redriven)
	}
	require.Equal(t, []any{"acme", "acme, again"}, got)
}
