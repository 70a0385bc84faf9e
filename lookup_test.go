package mediator_test

import (
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// This is what has to hold on any Go version for Send to be fast. That a lookup
// finds the right handler rests on the type assertion alone.
func TestTypeHash(t *testing.T) {
	require.True(t, mediator.TypeHashDiffers())
}

func TestLookupFindsWhatIsThereAndNothingElse(t *testing.T) {
	for n := range 19 {
		require.True(t, mediator.FindAmong(n), "%d types", n)
	}
}

func TestLookupProbesWhereHashesCollide(t *testing.T) {
	for n := range 19 {
		require.True(t, mediator.FindAmongCollisions(n), "%d types", n)
	}
}
