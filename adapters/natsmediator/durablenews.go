package natsmediator

import (
	"log/slog"
	"sync"
	"time"
)

// news tells the log of events that became dead letters: of the first at once, then once
// a minute at most, how many there were since and what the last one failed with. The
// zero value is ready; it is used concurrently.
type news struct {
	mu     sync.Mutex
	groups map[string]*groupNews
	closed bool
}

type groupNews struct {
	all, told int
	cause     string
	at        time.Time
	timer     *time.Timer // nil if nothing is left to be told
}

func (n *news) add(log *slog.Logger, event, group, cause string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.groups == nil {
		n.groups = map[string]*groupNews{}
	}
	g, ok := n.groups[group]
	if !ok {
		g = &groupNews{}
		n.groups[group] = g
	}
	g.all++
	g.cause = cause
	switch wait := troubleInterval - time.Since(g.at); {
	case g.timer != nil:
	case wait <= 0 || n.closed:
		g.tell(log, event, group)
	default:
		g.timer = time.AfterFunc(wait, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			g.tell(log, event, group)
		})
	}
}

// close tells what is left.
func (n *news) close(log *slog.Logger, event string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for group, g := range n.groups {
		if g.timer != nil {
			g.timer.Stop()
			g.tell(log, event, group)
		}
	}
}

func (g *groupNews) tell(log *slog.Logger, event, group string) {
	count := g.all - g.told
	g.told, g.at, g.timer = g.all, time.Now(), nil
	if count > 0 {
		log.Warn("natsmediator: events have become dead letters", "event", event, "group", group, "letters", count, "in all", g.all, "last", g.cause)
	}
}
