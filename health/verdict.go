package health

import (
	"context"
	"errors"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/answer"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// verdict is what the end of a call, or of a run, says of the handler.
type verdict uint8

const (
	succeeded verdict = iota
	failed            // alone is an error
	canceled          // by the caller, or by the stop of the subscription
	declined          // by an answer of the business
	rejected          // by a guard that sheds load: of the handler, or of what it called
)

// verdictOf judges the end of what was called with ctx. Of those that fit, the first
// in the order panic, canceled, declined, rejected, failed holds.
func verdictOf(ctx context.Context, err error) verdict {
	if err == nil {
		return succeeded
	}
	switch {
	case isPanic(err), wrapped.Is(err, mediator.ErrGoexit):
		return failed
	case isCanceled(ctx, err), rejection.Unsubscribed(err):
		return canceled
	case answer.Is(err):
		return declined
	case rejection.Is(err) && (ctx.Err() == nil || !wrapped.Is(err, context.DeadlineExceeded)):
		return rejected
	}
	return failed
}

var (
	errPanicked = errors.New("panic or runtime.Goexit")
	// ErrStalled is what a stream's run ends with that a [Policy] has interrupted
	// because it had stalled.
	ErrStalled = errors.New("stalled")
)

// isCanceled tells whether err comes from the caller having cancelled ctx; the end
// of a time limit is not that.
func isCanceled(ctx context.Context, err error) bool {
	cause := context.Cause(ctx)
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) &&
		(wrapped.Is(err, context.Canceled) || wrapped.Is(err, cause))
}

// isPanic tells whether err stands for a panic, also for one that was recovered.
func isPanic(err error) bool {
	_, recovered := wrapped.As[*mediator.PanicError](err)
	return recovered || wrapped.Is(err, errPanicked)
}
