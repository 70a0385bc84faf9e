package natsmediator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/mediatortest"
)

func TestRemoteHandlersConform(t *testing.T) {
	mediatortest.Transport(t, func(t testing.TB, handlers mediator.Option) *mediator.Mediator {
		n := embed(t, natsmediator.ServerOptions(noSync))
		s, err := natsmediator.Serve(t.Context(), wired(t, handlers), n, "far")
		require.NoError(t, err)
		closeLast(t, s.Close)
		return wired(t,
			natsmediator.Remote[mediatortest.Ask](n, "far"),
			natsmediator.Remote[mediatortest.Tell](n, "far"),
			natsmediator.RemoteStream[mediatortest.Count](n, "far"))
	})
}
