package boltmediator_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// In a bubble the clock stands still while anything runs: nothing may wait for it to
// go on.
func TestStoreInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, file(t)).Outbox("orders")
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if err := o.Append(t.Context(), []byte("together")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for range 20 {
			require.NoError(t, o.Append(t.Context(), []byte("alone")))
		}
		require.Equal(t, 40, o.Depth())
	})
}
