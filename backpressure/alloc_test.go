//go:build !race

package backpressure_test

import (
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// TestItemsDoNotAllocate compares a short run with a long one: what a run allocates, it
// allocates once, and its queue as it fills.
func TestItemsDoNotAllocate(t *testing.T) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		for _, adaptive := range []bool{false, true} {
			if adaptive && s == backpressure.Latest {
				continue
			}
			t.Run(s.String(), func(t *testing.T) {
				m, k := bounded(t, backpressure.Config{Strategy: s, Capacity: 64, Adaptive: adaptive}, countUp)
				ctx := t.Context()
				run := func(n int) float64 {
					return testing.AllocsPerRun(5, func() {
						for range mediator.Stream(ctx, m, count{N: n}) {
						}
					})
				}
				short, long := run(1000), run(100_000)
				require.Less(t, long, short+20)
				require.Less(t, long, 60.0)
				require.NotZero(t, k.Snapshot().Delivered)
			})
		}
	}
}

func TestSteeredItemsDoNotAllocate(t *testing.T) {
	m, _ := steer(t, backpressure.Config{}, countUp, func(r steered) {
		r.SetPace(5_000_000)
		r.SetSample(2)
	})
	ctx := t.Context()
	require.Less(t, testing.AllocsPerRun(5, func() {
		for range mediator.Stream(ctx, m, count{N: 50_000}) {
		}
	}), 60.0)
}
