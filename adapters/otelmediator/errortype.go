package otelmediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
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
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[*mediator.PanicError](err); ok {
		return "panic"
	}
	if own, ok := errors.AsType[typed](err); ok {
		if name := text(own.ErrorType()); name != "" {
			return name
		}
	}
	for _, known := range errorTypes {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	return reflect.TypeOf(unwrapped(err)).String()
}

// textOf is what err says, and whether that is just what its method Error returns.
// It is not if that is no text, or if the method panics, as that of a nil pointer may.
func textOf(err error) (message string, asIs bool) {
	defer func() {
		if recover() != nil {
			message, asIs = text(fmt.Sprint(err)), false
		}
	}()
	message = err.Error()
	return text(message), utf8.ValidString(message)
}

// typed is an error that says what its type is.
type typed interface {
	error
	ErrorType() string
}

// unwrapped is err without what says where it happened, but not what.
func unwrapped(err error) error {
	for {
		var inner error
		switch e := err.(type) { //nolint:errorlint // it is about the outermost error alone
		case *behaviors.RetryError:
			inner = e.Err
		case *mediator.Error:
			inner = e.Err
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) == 1 {
				inner = all[0]
			}
		default:
			if reflect.TypeOf(err) == plainWrap {
				inner = errors.Unwrap(err)
			}
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}

// plainWrap is what fmt.Errorf makes around one error.
var plainWrap = reflect.TypeOf(fmt.Errorf("%w", context.Canceled))
