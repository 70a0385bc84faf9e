package natsmediator

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/fsmediator/mediator"
)

// A durable stands around the publishing as a behavior that does nothing: so what looks
// for figures finds it.
var (
	_ mediator.Behavior      = (*durable)(nil)
	_ mediator.BehaviorNamer = (*durable)(nil)
	_ mediator.Source        = (*durable)(nil)
)

// Wrap implements [mediator.Behavior].
func (d *durable) Wrap(next mediator.Next) mediator.Next { return next }

// BehaviorName implements [mediator.BehaviorNamer].
func (d *durable) BehaviorName() string { return "Durable" }

// Readings implements [mediator.Source]: see [Durable].
func (d *durable) Readings() iter.Seq[mediator.Reading] {
	return func(yield func(mediator.Reading) bool) {
		if !d.ready.Load() {
			return
		}
		for r := range d.lettered.Readings("letters") {
			if !yield(r) {
				return
			}
		}
		if d.outbox != nil && !yield(mediator.Reading{Scope: d.name, Name: "outbox", Value: float64(d.outbox.file.Depth()), Gauge: true}) {
			return
		}
		if d.take == nil {
			return
		}
		for _, g := range d.take.look.known() {
			scope := scopeOf(g.Event, g.Group)
			if !yield(mediator.Reading{Scope: scope, Name: "lag", Value: float64(g.Lag), Gauge: true}) ||
				!yield(mediator.Reading{Scope: scope, Name: "waiting", Value: float64(g.InHand), Gauge: true}) {
				return
			}
		}
	}
}

// scopeOf is what package deadletter calls an event of a group.
func scopeOf(event, group string) string {
	if group == "" {
		return event
	}
	return event + " to " + group
}

// lookInterval is how old what is known of the groups is at least when it is asked for
// again.
const lookInterval = 2 * time.Second

// look is what the server last said of the groups. It is asked when somebody wants to
// know, who gets what was known before.
type look struct {
	wanted chan struct{}

	mu     sync.Mutex
	groups []GroupStatus // none if it could not be found out
	at     time.Time
}

func newLook() *look { return &look{wanted: make(chan struct{}, 1)} }

func (l *look) known() []GroupStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) > lookInterval {
		select {
		case l.wanted <- struct{}{}:
		default:
		}
	}
	return l.groups
}

// run asks until ctx ends.
func (l *look) run(ctx context.Context, d *durable) {
	for {
		select {
		case <-l.wanted:
		case <-ctx.Done():
			return
		}
		limited, cancel := context.WithTimeout(ctx, attemptTimeout)
		groups, err := d.groups(limited)
		cancel()
		if err != nil {
			groups = nil
		}
		l.mu.Lock()
		l.groups, l.at = groups, time.Now()
		l.mu.Unlock()
	}
}
