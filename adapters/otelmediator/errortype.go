package otelmediator

import (
	"context"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// otherType is what the conventions have for an error type that is none of those
// that are told apart.
const otherType = "_OTHER"

// errorTypes is ordered: the first that an error is gives its type.
var errorTypes = []struct {
	err  error
	name string
}{
	{mediator.ErrGoexit, "goexit"},
	{behaviors.ErrOpen, "circuit_open"},
	{behaviors.ErrLimited, "rate_limited"},
	{behaviors.ErrFull, "bulkhead_full"},
	{behaviors.ErrMemory, "memory"},
	{behaviors.ErrInvalid, "invalid"},
	{mediator.ErrNoHandler, "no_handler"},
	{mediator.ErrClosed, "closed"},
	{mediator.ErrQueueFull, "queue_full"},
	{mediator.ErrNoResponse, "no_response"},
	{mediator.ErrMessageType, "message_type"},
	{mediator.ErrCallOver, "call_over"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
}

// ErrorType is the error.type of spans and metrics, which has few values: "panic",
// "goexit", "circuit_open", "rate_limited", "bulkhead_full", "memory", "invalid",
// "no_handler", "closed", "queue_full", "no_response", "message_type",
// "call_over", "timeout", "canceled" for the mediator's errors and those of
// contexts, also if they are wrapped. Any other error is what its method
// ErrorType() string says, if that is not "", or the name of its type as %T prints it; what a Retry,
// the mediator and fmt.Errorf put around it does not count. It returns "" for nil.
//
// What panics when it is asked, as a nil pointer may, says nothing of itself.
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := wrapped.As[*mediator.PanicError](err); ok {
		return "panic"
	}
	if own, ok := wrapped.As[typed](err); ok {
		if name, _ := asked(func() string { return own.ErrorType() }); name != "" {
			return text(name)
		}
	}
	for _, known := range errorTypes {
		if wrapped.Is(err, known.err) {
			return known.name
		}
	}
	return reflect.TypeOf(unwrapped(err)).String()
}

// asked is what f says, and whether it returned.
func asked(f func() string) (said string, returned bool) {
	defer func() { _ = recover() }()
	return f(), true
}

// textOf is what err says, and whether that is just what its method Error returns.
// It is not if that is no text, or if the method panics, as that of a nil pointer may.
func textOf(err error) (message string, asIs bool) {
	message, returned := asked(err.Error)
	if returned {
		return text(message), utf8.ValidString(message)
	}
	if message, returned = asked(func() string { return fmt.Sprint(err) }); !returned { // what it panics with does so, too
		message = reflect.TypeOf(err).String()
	}
	return text(message), false
}

// typed is an error that says what its type is.
type typed interface {
	error
	ErrorType() string
}

// unwrapped is err without what says where it happened, but not what.
func unwrapped(err error) error {
	for range deepest {
		switch err.(type) { //nolint:errorlint // it is about the outermost error alone
		case *behaviors.RetryError, *mediator.Error, interface{ Unwrap() []error }:
		default:
			if reflect.TypeOf(err) != plainWrap {
				return err
			}
		}
		inner := wrapped.By(err)
		if len(inner) != 1 {
			return err
		}
		err = inner[0]
	}
	return err
}

// deepest is how far unwrapped looks: there are errors that wrap themselves.
const deepest = 100

// plainWrap is what fmt.Errorf makes around one error.
var plainWrap = reflect.TypeOf(fmt.Errorf("%w", context.Canceled))
