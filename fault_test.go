package mediator_test

import (
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// Fault of the system reimplemented here: a missing handler surfaced as another
// error than the documented one.
func TestFault11AMissingHandlerIsTheDocumentedError(t *testing.T) {
	for _, n := range []int{0, 2} {
		m := newMediator(t, mediator.Use(noops(n)...))
		_, err := mediator.Send(t.Context(), m, placeOrder{})
		require.ErrorIs(t, err, mediator.ErrNoHandler)
		require.ErrorIs(t, mediator.Exec(t.Context(), m, cancelOrder{}), mediator.ErrNoHandler)
		_, err = collect(t, mediator.Stream(t.Context(), m, count{}))
		require.ErrorIs(t, err, mediator.ErrNoHandler)
		_, err = mediator.Dispatch(t.Context(), m, "nothing", fromJSON(`{}`))
		require.ErrorIs(t, err, mediator.ErrNoHandler)
	}
}
