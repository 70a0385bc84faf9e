package behaviors

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/answer"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// Outcome is what a call means to a [Breaker].
type Outcome uint8

// The outcomes.
const (
	OutcomeFailure Outcome = iota // counts against what is called
	OutcomeSuccess                // counts for it
	OutcomeIgnored                // says nothing about it, and counts nowhere
)

// String returns "failure", "success" or "ignored".
func (o Outcome) String() string {
	switch o {
	case OutcomeFailure:
		return "failure"
	case OutcomeSuccess:
		return "success"
	case OutcomeIgnored:
		return "ignored"
	}
	return "unknown outcome"
}

// OutcomeOf is how a [Breaker] classifies an error by default, and where a
// Classify of one's own best begins: no error is a success; a rejection by a
// guard ([ErrOpen], [ErrFull], [ErrLimited], [ErrMemory], [ErrRefused]) is ignored, because
// what the guard protects was not asked; so is a subscriber that was stopped
// ([mediator.ErrUnsubscribed]); so are invalid messages ([ErrInvalid])
// and answers of the business ([Business]), by which something that works turns a
// message down; every other error is a failure.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OutcomeSuccess
	case isRejection(err), answer.Is(err), rejection.Unsubscribed(err):
		return OutcomeIgnored
	}
	return OutcomeFailure
}

// isRejection tells whether err is that of a guard that may let the same message
// through later.
var isRejection = ErrorIs(rejections...)

var rejections = []error{ErrOpen, ErrFull, ErrLimited, ErrMemory, ErrRefused}

// isNoMoreThanRejection tells whether err has nothing in it but that.
func isNoMoreThanRejection(err error) bool {
	return slices.ContainsFunc(rejections, func(r error) bool { return ending.Only[*mediator.PanicError](err, r) })
}

// DatabaseOutcome is [OutcomeOf], by the name that goes with [BreakerDatabase]:
// what a working database or the code around it turns down does not count.
func DatabaseOutcome(err error) Outcome { return OutcomeOf(err) }

// ExternalAPIOutcome is [OutcomeOf], but ignores the answers of a working server
// to a request that is at fault itself: the statuses 400, 401, 403 and 404, of
// errors with a method StatusCode() int.
func ExternalAPIOutcome(err error) Outcome {
	if status, ok := wrapped.As[interface{ StatusCode() int }](err); ok && slices.Contains(atFault, told(status.StatusCode)) {
		return OutcomeIgnored
	}
	return OutcomeOf(err)
}

var atFault = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}

// judge classifies err, with which a call under ctx ended. Once its caller has
// cancelled, an error says nothing about the handler. A deadline that passed
// does: it may be the only sign of one that hangs. So does a time limit that
// could only be kept by cancelling the context.
func judge(ctx context.Context, err error, classify func(error) Outcome) Outcome {
	switch {
	case err == nil:
		return OutcomeSuccess
	case errors.Is(ctx.Err(), context.Canceled) && !outOfTime(ctx):
		return OutcomeIgnored
	}
	return classify(err)
}

// outOfTime tells whether ctx was ended by a time limit: with one as its cause,
// even if its error is [context.Canceled].
func outOfTime(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}
