package deadletter

import (
	"context"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// handling is how a letter was handled.
type handling struct {
	decoded bool // the message could be, and so may have been handled
	taken   bool // it was given to a pipeline with a handler
	runs    int  // of the handler
	err     error
}

// refused tells whether the message did not come to its handler, though there is one.
func (h handling) refused() bool { return h.decoded && h.taken && h.runs == 0 && h.err != nil }

// waited waits, if the letter was refused by what will soon let it through and that is
// in the time left, and tells whether it did.
func (r *redriver) waited(ctx context.Context, h *handling, left *time.Duration) bool {
	if !h.refused() {
		return false
	}
	wait := retryAfter(h.err)
	if deadline, ok := ctx.Deadline(); wait <= 0 || wait > *left || ok && time.Until(deadline) < wait {
		return false
	}
	*left -= wait
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		h.err = ending.Of(ctx)
	case <-r.m.Closing(): // whose functions may wait for this
		*h = handling{err: mediator.ErrClosed}
	}
	return false
}

// retryAfter is when err says to come back, 0 if it does not: not so soon that a wait
// is none.
func retryAfter(err error) (d time.Duration) {
	for e := range wrapped.All(err) {
		if a, ok := e.(interface{ RetryAfter() time.Duration }); ok {
			_ = guard(func() error { d = a.RetryAfter(); return nil })
			if d > 0 {
				d = max(d, time.Millisecond)
			}
			return d
		}
	}
	return 0
}
