package undone_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/undone"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	event  struct{ N int }
	tenant struct{}
)

func TestContextsAreThoseOfWhatIsQueued(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	m, err := mediator.New(mediator.BackgroundQueue(4, 1), mediator.Subscribe(func(_ context.Context, e event) error {
		if e.N == 0 {
			close(begun)
		}
		<-release
		return nil
	}))
	require.NoError(t, err)
	for i, of := range []string{"first", "second", "third"} {
		ctx := context.WithValue(t.Context(), tenant{}, of)
		require.NoError(t, mediator.Publish(ctx, m, event{i}, mediator.Background()))
	}
	<-begun
	over, cancel := context.WithCancel(t.Context())
	cancel()
	closed := m.Close(over)
	close(release)
	require.NoError(t, m.Close(t.Context()))

	var left *mediator.UndoneError
	require.ErrorAs(t, closed, &left)
	require.Equal(t, []any{event{1}, event{2}}, left.Queued)
	contexts := undone.Contexts(left)
	require.Len(t, contexts, 2)
	for i, of := range []string{"second", "third"} {
		require.Equal(t, of, contexts[i].Value(tenant{}))
		require.NoError(t, contexts[i].Err())
	}
}

func TestErrorsOfOthersHaveNone(t *testing.T) {
	require.Empty(t, undone.Contexts(errors.New("full")))
	require.Empty(t, undone.Contexts(&mediator.UndoneError{Queued: []any{event{}}}))
	require.Empty(t, undone.Contexts((*mediator.UndoneError)(nil)))
	require.Empty(t, undone.Contexts(nil))
}
