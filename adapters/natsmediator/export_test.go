package natsmediator

import (
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
