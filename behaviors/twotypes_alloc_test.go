//go:build !race

package behaviors_test

// The race detector has sync.Pool drop some of what it is given.

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestRecorderAllocatesNothing(t *testing.T) { requireNoAllocs(t, behaviors.NewRecorder()) }

// Types without a size, which are put into an interface without an allocation.
type (
	opened struct{}
	closed struct{}
)

// requireNoAllocsForTwoTypes publishes two types to a subscriber to an interface.
func requireNoAllocsForTwoTypes(t *testing.T, bs ...mediator.Behavior) {
	t.Helper()
	m := newMediator(t, mediator.Use(bs...), mediator.Subscribe(func(context.Context, any) error { return nil }))
	publish := func() {
		if mediator.Publish(t.Context(), m, opened{}) != nil || mediator.Publish(t.Context(), m, closed{}) != nil {
			t.Error("a failure")
		}
	}
	publish()
	require.Zero(t, testing.AllocsPerRun(200, publish))
}

func TestNothingIsAllocatedForTheTypesOfASubscriberToAnInterface(t *testing.T) {
	for _, names := range []int{1, 2, 10} { // that have figures of their own, and the rest together
		requireNoAllocsForTwoTypes(t, behaviors.NewRecorder(behaviors.RecorderConfig{MaxNames: names}))
	}
	requireNoAllocsForTwoTypes(t, behaviors.Bulkhead(behaviors.BulkheadConfig{PerHandler: true}))
	requireNoAllocsForTwoTypes(t, behaviors.Validate())
}
