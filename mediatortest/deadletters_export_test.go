package mediatortest

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator/deadletter"
)

// CheckStore runs the checks of DeadLetters by their name.
func CheckStore(ctx context.Context, t testing.TB, name string, s deadletter.Store) {
	for _, c := range storeChecks {
		if c.name == name {
			c.check(&storeTest{TB: t, Store: s, ctx: ctx})
			return
		}
	}
	panic("no check is called " + name)
}
