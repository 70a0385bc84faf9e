package mediatortest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
)

// patience is for handlers that hang: it has to be longer than any that a test
// waits for, and shorter than that of go test.
const patience = 10 * time.Second

// New returns a mediator wired by opts. A mistake in the wiring ends the test.
// At its end the mediator is closed; what is left undone ten seconds later, a
// notification in the background or a stream, fails the test.
func New(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	t.Helper()
	m, err := mediator.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := m.Close(ctx); err != nil {
			t.Errorf("%v%s", err, queued(err))
		}
	})
	return m
}

// queued shows the messages that err counts.
func queued(err error) string {
	undone, ok := errors.AsType[*mediator.UndoneError](err)
	if !ok || len(undone.Queued) == 0 {
		return ""
	}
	return fmt.Sprintf("; queued: %+v", undone.Queued)
}
