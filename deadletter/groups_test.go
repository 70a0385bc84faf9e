package deadletter_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

type restocked struct{ SKU string }

func TestLettersOfANumberedGroupAreWarnedOf(t *testing.T) {
	letters := deadletter.Behavior(deadletter.NewMemory())
	for name, b := range map[string]mediator.Behavior{
		"plain":       letters,
		"conditional": behaviors.When(func(mediator.Call) bool { return true }, letters),
	} {
		var warnings []string
		hear := func(context.Context, restocked) error { return nil }
		m, err := mediator.New(mediator.Use(b), mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
			mediator.Subscribe(hear), mediator.Subscribe(hear))
		require.NoError(t, err, name)
		require.NoError(t, m.Close(t.Context()))
		require.Len(t, warnings, 1, name)
		require.Contains(t, warnings[0], "give them a Group", name)
	}
}
