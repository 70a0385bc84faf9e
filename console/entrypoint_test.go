package console_test

import (
	"testing"

	"github.com/fsmediator/mediator/internal/entrypoint"
	"github.com/stretchr/testify/require"
)

func TestEveryEntryPointHasAnExample(t *testing.T) {
	missing, err := entrypoint.WithoutExample(".")
	require.NoError(t, err)
	require.Empty(t, missing)
}
