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

// patiently is handle, which it repeats while the letter is refused by what will soon
// let it through.
func (r *redriver) patiently(ctx context.Context, l Letter) handling {
	for left := r.patience; ; {
		h := r.handle(ctx, l)
		if !h.refused() {
			return h
		}
		wait := retryAfter(h.err)
		if deadline, ok := ctx.Deadline(); wait <= 0 || wait > left || ok && time.Until(deadline) < wait {
			return h
		}
		left -= wait
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			h.err = ending.Of(ctx)
		case <-r.m.Closing(): // whose functions may wait for this
			h = handling{err: mediator.ErrClosed}
		}
		timer.Stop()
		return h
	}
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
