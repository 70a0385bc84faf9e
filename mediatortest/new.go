package mediatortest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
)

// closeTimeout is for handlers that hang: it has to be longer than any that a
// test leaves running, and shorter than the patience of go test.
const closeTimeout = 10 * time.Second

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
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
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
