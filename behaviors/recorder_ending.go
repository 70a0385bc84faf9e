package behaviors

import (
	"context"
	"errors"
	"fmt"

	"github.com/fsmediator/mediator"
)

// Ending is how a call ended, as [Log] and [Recorder] tell it. It is about the
// caller; what a call means to a breaker is its [Outcome].
type Ending uint8

// The endings. Of those that fit, the first in the order Panicked, Exited,
// Canceled, TimedOut, Rejected, Failed holds.
const (
	// Succeeded: no error. Also a stream whose consumer stopped early.
	Succeeded Ending = iota
	// Failed: any error that is none of the others.
	Failed
	// Canceled: the caller's context was cancelled, and the error says so, by its
	// cause or as [context.Canceled]. It is not a failure.
	Canceled
	// TimedOut: the error is [context.DeadlineExceeded], whoever set the deadline.
	TimedOut
	// Rejected: the message was refused rather than handled: [ErrOpen],
	// [ErrLimited], [ErrFull], [ErrMemory], [ErrInvalid].
	Rejected
	// Panicked: a panic passed, or one was recovered inside: a
	// [*mediator.PanicError]. A panic of the consumer of a stream passes too.
	Panicked
	// Exited: the goroutine ended by [runtime.Goexit], or the error is
	// [mediator.ErrGoexit].
	Exited

	endingCount = int(Exited) + 1
)

var endingNames = [endingCount]string{"succeeded", "failed", "canceled", "timed out", "rejected", "panicked", "exited"}

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

// EndingOf returns how a call ended that was made with ctx and returned err.
func EndingOf(ctx context.Context, err error) Ending {
	if err == nil {
		return Succeeded
	}
	var panicked *mediator.PanicError
	switch {
	case errors.As(err, &panicked):
		return Panicked
	case errors.Is(err, mediator.ErrGoexit):
		return Exited
	case canceled(ctx, err):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, ErrOpen), errors.Is(err, ErrLimited), errors.Is(err, ErrFull),
		errors.Is(err, ErrMemory), errors.Is(err, ErrInvalid):
		return Rejected
	}
	return Failed
}

// canceled tells whether err comes from the caller having cancelled ctx.
func canceled(ctx context.Context, err error) bool {
	if !errors.Is(ctx.Err(), context.Canceled) {
		return false
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))
}

// endingOfUnwinding is how a call ended that did not return, v being what
// recover returned: nothing, if it was a Goexit.
func endingOfUnwinding(v any) Ending {
	if v == nil {
		return Exited
	}
	return Panicked
}
