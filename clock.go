package mediator

import (
	"context"
	"time"

	"github.com/fsmediator/mediator/internal/monotime"
)

// Now returns the time of a monotonic clock, the same for all calls of the process;
// only differences mean anything. To read the clock takes longer than all else that
// most behaviors do, so where a [ClockSharer] directly follows another, the two share
// a reading: no time has passed in between. Handlers and other behaviors end that, as
// does [Call.Waited]; so two readings of one behavior may be the same, unless it has
// called next or Waited in between.
func (c Call) Now() time.Duration {
	if c.f != nil && c.f.now != 0 {
		return time.Duration(c.f.now)
	}
	return c.readClock()
}

// readClock keeps the reading for those that follow, if they share it.
func (c Call) readClock() time.Duration {
	now := monotime.Nanos()
	if c.f != nil && c.f.shared {
		c.f.now = now
	}
	return time.Duration(now)
}

// Waited says that time has passed since the last [Call.Now].
func (c Call) Waited() {
	if c.f != nil && c.f.now != 0 {
		c.f.now = 0
	}
}

// ClockSharer is implemented by a [Behavior] that may promise to take next to no time
// of its own, neither before it calls next nor after: that it waits for nothing and
// calls no function of others, but for next, unless it calls [Call.Waited] afterwards.
// SharesClock, which is asked when a handler is wired, tells whether it does. Those before and
// after it may then share a reading of [Call.Now].
type ClockSharer interface {
	SharesClock() bool
}

func sharesClock(b Behavior) bool {
	s, ok := b.(ClockSharer)
	return ok && s.SharesClock()
}

// sharesSome tells whether two of bs at least promise so. Otherwise there is nothing to
// share.
func sharesSome(bs []Behavior) bool {
	n := 0
	for _, b := range bs {
		if sharesClock(b) {
			n++
		}
	}
	return n > 1
}

// apart is next with no reading of the clock shared between the two sides of it.
func apart(next Next) Next {
	return func(ctx context.Context, c Call) error {
		c.Waited()
		err := next(ctx, c)
		c.Waited()
		return err
	}
}
