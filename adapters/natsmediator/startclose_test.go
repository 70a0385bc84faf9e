package natsmediator_test

import (
	"context"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

// What starts is there before the node is closed, or fails; a status in between is of
// what has started.
func TestNodeThatIsClosedWhileItsUsersStart(t *testing.T) {
	m := wired(t, mediator.Handle(placed), mediator.HandleStream(counted))
	for i := range 25 {
		n, err := natsmediator.Embed(t.TempDir(), natsmediator.ServerOptions(noSync))
		require.NoError(t, err)
		file := outboxFile(t)
		results := make(chan error, 2)
		go func() {
			s, err := natsmediator.Serve(t.Context(), m, n, "shop")
			if err == nil {
				err = s.Close(t.Context())
			}
			results <- err
		}()
		go func() {
			m, err := mediator.New(natsmediator.Durable[paid](n, natsmediator.Outbox(file)),
				mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("stock")))
			if err == nil {
				err = m.Close(t.Context())
			}
			results <- err
		}()
		for range i { // each round closes the node a little later
			_, err := n.Status(t.Context())
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		require.NoError(t, n.Close(ctx))
		cancel()
		for range 2 {
			select {
			case err := <-results:
				if err != nil {
					require.ErrorIs(t, err, mediator.ErrClosed)
				}
			case <-time.After(patience):
				t.Fatal("a start that waits for a closed node")
			}
		}
	}
}
