package behaviors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

// StreamMode is what a [Retry] does with a stream that fails after it has
// delivered items. One that has delivered none starts again in any mode. A
// handler that calls [ResumeFrom] goes on where it was in any mode, so that
// nothing is delivered twice.
//
// What is delivered is what has passed the Retry: behaviors that drop items
// belong outside of it, since a handler cannot know what they have dropped.
type StreamMode uint8

const (
	// RestartUndelivered does not start it again.
	RestartUndelivered StreamMode = iota
	// SkipDelivered starts it again and drops as many items as were delivered: for
	// handlers that yield the same items each time. If it then ends, without an
	// error, before it has yielded as many, the stream fails with [ErrShorter].
	SkipDelivered
	// Redeliver starts it again from the beginning: items are delivered twice.
	Redeliver
)

// String returns the name of the constant.
func (m StreamMode) String() string {
	switch m {
	case RestartUndelivered:
		return "RestartUndelivered"
	case SkipDelivered:
		return "SkipDelivered"
	case Redeliver:
		return "Redeliver"
	}
	return fmt.Sprintf("StreamMode(%d)", uint8(m))
}

// stream runs a stream until it is complete or there is no retry.
func (s *series) stream(next mediator.Next) error {
	d := &delivery{mode: s.Stream}
	c := s.call.KeepItems(d.keep)
	ctx := d.begin(s.ctx, s.call)
	for {
		before := d.delivered
		err := ending.Told(ctx, next(ctx, c))
		if s.call.Stopped() {
			return err
		}
		if err == nil {
			if err = d.shorter(); err != nil {
				s.attempts++
				return s.giveUp(err, nil)
			}
			return nil
		}
		if d.delivered > before {
			s.retries, s.waited, s.earlier, s.begun, s.earned = 0, 0, nil, nanos(), true
		}
		again, final := s.follow(err, d.barred())
		if final != nil {
			return final
		}
		ctx = d.begin(again, s.call)
	}
}

// delivery is what a retried stream has delivered. It belongs to the goroutine
// that the stream runs on.
type delivery struct {
	mode      StreamMode
	delivered int
	resumes   bool // the handler has asked in some attempt where to begin

	// Of the present attempt.
	from     *position
	begun    bool
	advanced bool // as from says, for this goroutine
	at       int  // items since the stream's beginning
}

// begin begins an attempt with a context that tells where.
func (d *delivery) begin(ctx context.Context, c mediator.Call) context.Context {
	outer, _ := ctx.Value(positionKey{}).(*position)
	d.from = &position{call: c, begin: d.delivered, restarts: d.resumes || d.mode != RestartUndelivered, outer: outer}
	d.begun, d.advanced = false, false
	return context.WithValue(ctx, positionKey{}, d.from)
}

// keep is asked for each item of the attempt.
func (d *delivery) keep() bool {
	if !d.begun {
		d.begun, d.at = true, 0
		// A handler that asked in one attempt need not in the next, and then it begins
		// at the beginning.
		if d.from.asked.Load() {
			d.at = d.delivered
		}
	}
	d.at++
	if d.at <= d.delivered {
		return d.mode == Redeliver
	}
	d.delivered = d.at
	if !d.advanced {
		d.advanced = true
		d.from.advanced.Store(true)
	}
	return true
}

// shorter returns why an attempt that succeeded is not the same stream.
func (d *delivery) shorter() error {
	at := 0
	if d.begun {
		at = d.at
	}
	if at >= d.delivered || d.mode == Redeliver || d.from.asked.Load() {
		return nil
	}
	return fmt.Errorf("%w: it ended after %d items, of %d that were delivered", ErrShorter, at, d.delivered)
}

// barred returns why the stream must not start again.
func (d *delivery) barred() error {
	d.resumes = d.resumes || d.from.asked.Load()
	if d.delivered == 0 || d.resumes || d.mode != RestartUndelivered {
		return nil
	}
	return ErrDelivered
}

// firstItemWithin ends the context of a stream that has no item within limit.
func firstItemWithin(limit time.Duration, next mediator.Next) mediator.Next {
	cause := &TimeoutError{Limit: limit}
	return func(ctx context.Context, c mediator.Call) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		timer := time.AfterFunc(limit, func() { cancel(cause) })
		defer timer.Stop()
		waiting := true
		err := next(ctx, c.OnItem(func() {
			if waiting {
				waiting = false
				timer.Stop()
			}
		}))
		if err != nil && errors.Is(context.Cause(ctx), cause) {
			return ending.With(err, cause)
		}
		return err
	}
}
