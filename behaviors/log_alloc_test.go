//go:build !race

package behaviors_test

// The race detector has sync.Pool drop some of what it is given.

import (
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator/behaviors"
)

func TestLogAllocatesNothingWhenTheLevelIsOff(t *testing.T) {
	requireNoAllocs(t, behaviors.Log(slog.New(slog.DiscardHandler)))
}

func TestLogAllocatesNothingForALineWithoutBodies(t *testing.T) {
	requireNoAllocs(t, behaviors.Log(slog.New(writeNothing{slog.DiscardHandler})))
}
