package behaviors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

// TimeoutError is the cause ([context.Cause]) with which [Timeout] and the limits
// of [Retry] end a context, and is in the error of the call that they ended. It
// is [context.DeadlineExceeded].
type TimeoutError struct {
	Limit time.Duration // how long the call was allowed to take
}

// Error names the limit.
func (e *TimeoutError) Error() string { return fmt.Sprintf("time limit of %v exceeded", e.Limit) }

// Is tells that a TimeoutError is [context.DeadlineExceeded].
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout returns true, as [net.Error] has it.
func (e *TimeoutError) Timeout() bool { return true }

// Timeout gives what is inside of it a context that ends after d. It is
// cooperative: it does not return before the handler has. An error that comes
// back after the end is [context.DeadlineExceeded] and a [*TimeoutError], beside
// what it was; a success stays one. Where the caller's deadline is earlier,
// nothing is added, so the error's cause tells which of the two it was. Nothing
// runs under a context that has ended.
//
// On a stream, d is for the whole run, with the time its consumer takes. It
// allocates, for the context. It panics if d is not positive.
func Timeout(d time.Duration) mediator.Behavior {
	if d <= 0 {
		panic(fmt.Sprintf("behaviors: Timeout: %v is not positive", d))
	}
	return &timeout{limit: d, cause: &TimeoutError{Limit: d}}
}

type timeout struct {
	scoped
	limit time.Duration
	cause *TimeoutError
}

// BehaviorName returns "Timeout".
func (t *timeout) BehaviorName() string { return "Timeout" }

func (t *timeout) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= t.limit {
			return ending.Told(ctx, next(ctx, c))
		}
		ctx, cancel := context.WithTimeoutCause(ctx, t.limit, t.cause)
		defer cancel()
		err := next(ctx, c)
		if err != nil && errors.Is(context.Cause(ctx), t.cause) {
			return ending.With(err, t.cause, ctx.Err())
		}
		return ending.Told(ctx, err)
	}
}
