package natsmediator

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// alive is the messages in hand.
type alive struct {
	mu   sync.Mutex
	msgs map[place]*message
}

// place tells messages apart, but not their deliveries.
type place struct {
	consumer string
	sequence uint64
}

// add returns false if another delivery of the message is in hand.
func (a *alive) add(p place, msg *message) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.msgs[p]; ok {
		return false
	}
	if a.msgs == nil {
		a.msgs = map[place]*message{}
	}
	a.msgs[p] = msg
	return true
}

func (a *alive) remove(p place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.msgs, p)
}

func (a *alive) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.msgs)
}

func (a *alive) all() []*message {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.msgs))
}

// keepAlive tells the server of what is in hand, until nothing is any more.
func (t *taking) keepAlive() {
	tick := time.NewTicker(t.d.config.ackWait / 3)
	defer tick.Stop()
	var telling trouble
	for {
		select {
		case <-tick.C:
		case <-t.base.Done():
			return
		}
		for _, m := range t.alive.all() {
			if err := m.InProgress(); err != nil {
				telling.failed(t.d.log, slog.LevelWarn, "telling the server that events are in progress", err, "stream", t.d.stream)
				break
			}
			telling.over(t.d.log, "the server can be told again that events are in progress", "stream", t.d.stream)
		}
	}
}
