package health

import (
	"context"
	"errors"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/answer"
	"github.com/fsmediator/mediator/internal/rejection"
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
	return verdictOfError(ctx, err)
}

// verdictOfError is verdictOf for an error, which has failed if it panics when asked.
func verdictOfError(ctx context.Context, err error) (v verdict) {
	defer func() {
		if recover() != nil {
			v = failed
		}
	}()
	switch {
	case isPanic(err), errors.Is(err, mediator.ErrGoexit):
		return failed
	case isCanceled(ctx, err), rejection.Unsubscribed(err):
		return canceled
	case answer.Is(err):
		return declined
	case rejection.Is(err) && (ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded)):
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
		(errors.Is(err, context.Canceled) || errors.Is(err, cause))
}

// isPanic tells whether err stands for a panic, also for one that was recovered.
func isPanic(err error) (is bool) {
	defer func() { _ = recover() }() // of an error that panics when asked
	_, recovered := errors.AsType[*mediator.PanicError](err)
	return recovered || errors.Is(err, errPanicked)
}
