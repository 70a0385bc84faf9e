//go:build !race

package behaviors_test

// The race detector has sync.Pool drop some of what it is given.

import (
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator/behaviors"
)

func TestSixLayersAllocateNothing(t *testing.T) {
	requireNoAllocs(t, sixLayers(behaviors.NewRecorder())...)
}

func TestStandardAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.Standard(behaviors.StandardConfig{
		Logger: slog.New(writeNothing{slog.DiscardHandler}), Recorder: behaviors.NewRecorder(), Limiter: unlimited{},
		Bulkhead: &behaviors.BulkheadConfig{Limit: 4}, Retry: &behaviors.RetryConfig{}, Breaker: &behaviors.BreakerConfig{},
	})...)
}
