package mediator

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

// Sentinels, to be tested with [errors.Is]. They carry no prefix of their own:
// the [*Error] around them names the operation and the message.
var (
	// ErrNoHandler: nothing handles the request, or no message has the name
	// given to [Dispatch]. The text names the near miss if there is one.
	ErrNoHandler = errors.New("no handler")
	// ErrDuplicateHandler: [New] was given two handlers for one request, or two
	// relays for one notification.
	ErrDuplicateHandler = errors.New("duplicate handler")
	// ErrClosed: the mediator was closed before the call.
	ErrClosed = errors.New("mediator is closed")
	// ErrMessageType: a value of another type than the message's or its response's.
	ErrMessageType = errors.New("wrong type")
	// ErrNoResponse: a behavior returned no error, but neither the handler nor
	// [Call.SetResponse] gave a response.
	ErrNoResponse = errors.New("no response")
	// ErrCallOver: a [Call] or a [Next] was used after its time.
	ErrCallOver = errors.New("the call is over")
	// ErrNextRunning: a second goroutine called next while the first was inside.
	ErrNextRunning = errors.New("next is already running")
	// ErrQueueFull: a [Background] notification found no room in the queue.
	ErrQueueFull = errors.New("background queue is full")
	// ErrGoexit: a handler on a goroutine of the mediator's called [runtime.Goexit].
	ErrGoexit = errors.New("handler called runtime.Goexit")
	// ErrUnsubscribed: the subscription of a subscriber was stopped before its handler
	// ran. Behaviors around it see that, and whoever dispatches to its group alone; to a
	// [Publish] it is no error, unless there is more in it, such as an attempt before.
	ErrUnsubscribed = errors.New("the subscription was stopped")
	// ErrStopped: a [ChanStream] was closed before it had ended.
	ErrStopped = errors.New("stream was stopped")
)

var errNilHandler = errors.New("the handler is nil")

// Error says which operation on which message failed. What a request's or a
// stream's handler returns reaches the caller as it is; an Error stands around
// the mediator's own errors and around each subscriber's.
type Error struct {
	Op    string // "new", "send", "publish", "stream", "dispatch", "listen", "close", or what a behavior did: "next", "set response", …
	Name  string // the message's name, see [Named]; may be empty
	Group string // the subscriber's [Group], for its error in a publish
	Err   error
}

// Error gives "mediator: op name to group: err" with what is known of it. Within
// another Error the prefix is left out, and further lines are indented.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mediator: ")
	b.WriteString(e.Op)
	if e.Name != "" {
		b.WriteString(" ")
		b.WriteString(e.Name)
	}
	if e.Group != "" {
		b.WriteString(" to ")
		b.WriteString(e.Group)
	}
	if e.Err == nil { // made so by a test or a program of its own
		return b.String()
	}
	b.WriteString(": ")
	inner := strings.TrimPrefix(e.Err.Error(), "mediator: ")
	b.WriteString(strings.ReplaceAll(strings.ReplaceAll(inner, "\nmediator: ", "\n"), "\n", "\n\t"))
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// PanicError is what a recovered panic becomes: a subscriber's in [Publish], and
// a handler's that ran on a goroutine of the mediator's.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // the stack at the panic, as [debug.Stack] prints it
}

// Error gives the panic's value, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value if it is an error, so that [errors.Is]
// reaches it.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// newPanicError is to be called in the deferred function that recovered v, so
// that the stack still shows where the panic began. A PanicError that travelled
// between goroutines as a panic keeps the stack of its origin.
func newPanicError(v any) *PanicError {
	if p, ok := v.(*PanicError); ok {
		return p
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}
