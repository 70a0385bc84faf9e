//go:build !race

package natsmediator_test

import (
	"runtime"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

// TestAllocationsOfAStream counts those of both sides and of the server between
// them: what the frames need, and none an item.
func TestAllocationsOfAStream(t *testing.T) {
	const items = 200_000
	n := embed(t)
	serve(t, wired(t, mediator.HandleStream(manyQuotes)), n)
	m := wired(t, natsmediator.RemoteStream[quotes](n, "shop", natsmediator.Encoding("application/octet-stream")))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	all := 0
	for _, err := range mediator.Stream(t.Context(), m, quotes{N: items}) {
		if err != nil {
			require.NoError(t, err)
		}
		all++
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, items, all)
	require.Less(t, float64(after.Mallocs-before.Mallocs)/items, 0.3)
}
