package deadletter

import (
	"maps"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
)

// Letter is one message that one handler failed to handle: plain data, safe to
// copy as long as nobody changes what Body, Errors and Headers refer to; see
// [Letter.Clone].
type Letter struct {
	ID    string        // names the letter in its store; those of [NewID] are in order of time
	Name  string        // the message's stable name, see [mediator.Named]
	Kind  mediator.Kind // what it is redriven as
	Group string        // the subscriber that failed, see [mediator.Group]; "" for requests and streams

	// Body is the message as the [Codec] of ContentType encoded it, after the
	// handler: what the handler changed behind a pointer is changed here. Both are
	// empty if no codec could.
	Body        []byte
	ContentType string

	// Errors is the error's text and below it those of the errors it wraps, each
	// once, depth first: at most 32, each of at most 4096 bytes. Where all of that makes
	// the letter [ErrTooLarge], they are the first 1024 bytes of the error's own text.
	Errors []string
	// Stack is that of the panic, at most 16 KiB, "" if it was none, or the letter would
	// have been too large.
	Stack string

	// Attempts is how many times the handler was run for this message, redrives
	// included: by retries and hedges too, and 0 if a behavior inside of the
	// [Behavior] refused it. At first a [mediator.Typed] layer that behaviors stand
	// around counts as the handler, and one of several callers that wait for the
	// same run, as behaviors.Coalesce has it, counts that.
	Attempts int
	// Redrives is how many redrives have failed.
	Redrives int

	First time.Time // when the message failed, to the nanosecond
	Last  time.Time // when it failed last, in a redrive

	// Headers is what the function of [Headers] returned: traceparent, tracestate
	// and baggage (W3C Trace Context, W3C Baggage), mostly.
	Headers map[string]string
}

// Clone returns a copy that shares nothing with l.
func (l Letter) Clone() Letter {
	l.Body = slices.Clone(l.Body)
	l.Errors = slices.Clone(l.Errors)
	l.Headers = maps.Clone(l.Headers)
	return l
}

// Size returns about how many bytes l takes: those of its texts and its body.
func (l Letter) Size() int {
	n := len(l.ID) + len(l.Name) + len(l.Group) + len(l.Body) + len(l.ContentType) + len(l.Stack)
	for _, e := range l.Errors {
		n += len(e)
	}
	for k, v := range l.Headers {
		n += len(k) + len(v)
	}
	return n
}
