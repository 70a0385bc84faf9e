package behaviors

import (
	"context"
	"errors"
	"fmt"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/answer"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// Ending is how a call ended, as [Log] and [Recorder] tell it. It is about the
// caller; what a call means to a breaker is its [Outcome].
type Ending uint8

// The endings. Of those that fit, the first in the order Stopped, Panicked,
// Exited, Canceled, Declined, Rejected if the context goes on, TimedOut, Rejected,
// Failed holds.
const (
	// Succeeded means that there was no error.
	Succeeded Ending = iota
	// Stopped is a stream whose consumer took no more items: it left its loop, or
	// ended that by a panic or [runtime.Goexit] of its own. It is not a failure. See
	// [mediator.Call.Stopped].
	Stopped
	// Failed is any error that is none of the others.
	Failed
	// Canceled means that the caller's context was cancelled, and the error says so, by its
	// cause or as [context.Canceled], or that the subscription was stopped before its
	// handler ran: [mediator.ErrUnsubscribed]. It is not a failure.
	Canceled
	// TimedOut means that the error is [context.DeadlineExceeded], whoever set the
	// deadline, or that the context was cancelled with that as its cause, and the
	// error says so. It does not mean that a guard refused the call ahead of a
	// deadline: that is Rejected.
	TimedOut
	// Rejected means that the message was refused rather than handled: [ErrOpen],
	// [ErrLimited], [ErrFull], [ErrMemory], [ErrRefused]. So does such an error with a deadline in it
	// while the context has not ended, as from a [Retry] that had no time to wait for
	// an open breaker.
	Rejected
	// Panicked means that a panic passed, or one was recovered inside: a
	// [*mediator.PanicError].
	Panicked
	// Exited means that the goroutine ended by [runtime.Goexit], or the error is
	// [mediator.ErrGoexit].
	Exited
	// Declined means that the error is an answer of the business, such as "sold out",
	// by the one rule of [Business]; [ErrInvalid] is one. What was called works and says no,
	// so it is not a failure. As [Retryable] and [OutcomeOf] have it, of joined errors
	// one answer is enough: one that came too late is Declined, though a [Timeout]
	// puts a deadline beside it, and so is one that a rejection is joined to. An error
	// with a panic in it is no answer.
	Declined

	endingCount = int(Declined) + 1
)

var endingNames = [endingCount]string{"succeeded", "stopped", "failed", "canceled", "timed out", "rejected", "panicked", "exited", "declined"}

// String returns the ending in lower case: "succeeded", "timed out".
func (o Ending) String() string {
	if int(o) < endingCount {
		return endingNames[o]
	}
	return fmt.Sprintf("Ending(%d)", uint8(o))
}

// Endings returns all endings, in the order of their values.
func Endings() []Ending {
	all := make([]Ending, endingCount)
	for i := range all {
		all[i] = Ending(i)
	}
	return all
}

// Package health does not import this one.
func init() { rejection.Know(isRejection) }

// EndingOf returns how a call ended that was made with ctx and returned err. From
// these it cannot know of [Stopped]. What panics when it is asked, as a nil pointer with
// methods may, is nothing that it is asked for: an error that is no more is Failed.
func EndingOf(ctx context.Context, err error) Ending {
	if err == nil {
		return Succeeded
	}
	switch {
	case isPanic(err):
		return Panicked
	case wrapped.Is(err, mediator.ErrGoexit):
		return Exited
	case canceled(ctx, err), rejection.Unsubscribed(err):
		return Canceled
	case answer.Is(err):
		return Declined
	case ctx.Err() == nil && isRejection(err):
		return Rejected
	case wrapped.Is(err, context.DeadlineExceeded), outOfTime(ctx) && endedBy(ctx, err):
		return TimedOut
	case isRejection(err):
		return Rejected
	}
	return Failed
}

// canceled tells whether err comes from the caller having cancelled ctx.
func canceled(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !outOfTime(ctx) && endedBy(ctx, err)
}

// endedBy tells whether err says that ctx has ended.
func endedBy(ctx context.Context, err error) bool {
	return wrapped.Is(err, ctx.Err()) || wrapped.Is(err, context.Cause(ctx))
}

// endingOfCall is how c ended, next having returned err.
func endingOfCall(ctx context.Context, c mediator.Call, err error) Ending {
	if stoppedWith(c, err) {
		return Stopped
	}
	return EndingOf(ctx, err)
}

// stoppedWith tells whether c is a stream whose consumer takes no more items, and
// err, which next returned, says no more than that: it is nil, or the consumer's
// panic, which a [Recover] inside has seen.
func stoppedWith(c mediator.Call, err error) bool {
	if c.Kind() != mediator.KindStream || !c.Stopped() {
		return false
	}
	return err == nil || isPanic(err)
}

// isPanic tells whether err stands for a panic that was recovered.
func isPanic(err error) bool {
	_, is := wrapped.As[*mediator.PanicError](err)
	return is
}

// endingOfUnwinding is how a call ended that did not return, v being what recover
// returned: nothing, if it was a Goexit; stopped is what [mediator.Call.Stopped]
// says.
func endingOfUnwinding(stopped bool, v any) Ending {
	switch {
	case stopped:
		return Stopped
	case v == nil:
		return Exited
	}
	return Panicked
}
