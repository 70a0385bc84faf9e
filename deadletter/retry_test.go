package deadletter_test

import (
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestWhatStillFailsAfterEveryRetryIsKeptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		h := &switched{err: errDeclined}
		retries := behaviors.Retry(behaviors.RetryConservative())
		m := newMediator(t, mediator.Use(deadletter.Behavior(store), retries), mediator.Handle(h.charge))
		fail(t, m, 1)
		l := theLetter(t, store)
		require.Equal(t, 3, h.count())
		require.Equal(t, 3, l.Attempts)
		require.Contains(t, l.Errors, "declined")

		report, err := deadletter.Redrive(t.Context(), m, store)
		require.NoError(t, err)
		require.Equal(t, 1, report.Failed)
		require.Equal(t, h.count(), theLetter(t, store).Attempts)
		require.Equal(t, 1, theLetter(t, store).Redrives)
	})
}

func TestNewWarnsOfDeadLettersInsideRetry(t *testing.T) {
	var warnings []string
	newMediator(t, mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(behaviors.Retry(behaviors.RetryConservative()), deadletter.Behavior(deadletter.NewMemory())),
		mediator.Handle(new(switched).charge))
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "DeadLetters: it stands inside a retry")
}
