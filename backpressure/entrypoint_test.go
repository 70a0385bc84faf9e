package backpressure_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/internal/entrypoint"
)

func TestEveryEntryPointHasAnExample(t *testing.T) {
	missing, err := entrypoint.WithoutExample(".")
	require.NoError(t, err)
	require.Empty(t, missing)
}
