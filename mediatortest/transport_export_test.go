package mediatortest

import (
	"context"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
)

// TransportCheckNames are those of the checks of Transport.
func TransportCheckNames() (names []string) {
	for _, c := range transportChecks {
		names = append(names, c.name)
	}
	return names
}

// CheckTransport runs the check of Transport with the name.
func CheckTransport(ctx context.Context, t testing.TB, name string, patience time.Duration, connect func(t testing.TB, handlers mediator.Option) *mediator.Mediator) {
	for _, c := range transportChecks {
		if c.name == name {
			far := &farSide{ended: make(chan error, 16), reached: make(chan struct{}, 16)}
			c.check(&transportTest{TB: t, m: connect(t, far.handlers()), far: far, ctx: ctx, patience: patience})
			return
		}
	}
	panic("no check is called " + name)
}
