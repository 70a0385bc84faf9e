package natsmediator

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// Conn is a node's connection, for tests that play the other side by hand.
func Conn(n *Node) *nats.Conn { return n.nc }

// Trouble is what goes on failing, for the log.
type Trouble struct{ inner trouble }

func NewTrouble(patience time.Duration) *Trouble { return &Trouble{trouble{patience: patience}} }

func (t *Trouble) Failed(log *slog.Logger, what string, err error) {
	t.inner.failed(log, slog.LevelWarn, what, err)
}

func (t *Trouble) Over(log *slog.Logger, what string) { t.inner.over(log, what) }

// EarlyCancels is how many cancels ahead of their calls are remembered.
const EarlyCancels = earlyCancels

// Calls are a service's calls in progress.
type Calls struct{ inner calls }

// Begin tells whether a call with the id may begin, and ends it.
func (c *Calls) Begin(id string) bool {
	end, ok := c.inner.begin(id, func() {})
	if ok {
		end()
	}
	return ok
}

func (c *Calls) Cancel(id string) { c.inner.cancel(id) }

// Remembered is how many cancels are kept for calls that have not come.
func (c *Calls) Remembered() int { return len(c.inner.early) }

// Attempt is how the last one of something went.
type Attempt struct{ inner attempt }

func (a *Attempt) Note(ctx context.Context, err error) { a.inner.note(ctx, err) }
func (a *Attempt) Failure() error                      { return a.inner.failure() }
