package mediatortest

import (
	"fmt"
	"strings"

	"github.com/fsmediator/mediator"
)

// Call is what a [Recorder] saw of one call: of a request, of a notification as
// it was published, of one subscriber's handling of it, or of one run of a stream.
type Call struct {
	Kind mediator.Kind
	Name string // the message's stable name, see [mediator.Named]

	// Handler is the subscriber's [mediator.Group]. It is "" for requests, for
	// streams, and for the notification as it was published.
	Handler string

	// Message is the message itself. What it points to is not copied.
	Message any

	// Response is the response of a request, a [mediator.None] for a command; nil
	// if there was none.
	Response any

	// Err is what the call ended with: nil, its error, a [*mediator.PanicError] if
	// it panicked, [mediator.ErrGoexit] if it ended its goroutine.
	Err error

	// Items counts what a stream has delivered.
	Items int

	// Done tells whether the call has ended. Response and Err are empty before.
	Done bool
}

// String says in a line what was called and how it ended:
//
//	notification shop.OrderPaid to stock: out of stock
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", c.Kind, c.Name)
	if c.Handler != "" {
		fmt.Fprintf(&b, " to %s", c.Handler)
	}
	if c.Kind == mediator.KindStream {
		fmt.Fprintf(&b, ", %d items", c.Items)
	}
	switch {
	case !c.Done:
		b.WriteString(", in progress")
	case c.Err != nil:
		fmt.Fprintf(&b, ": %v", c.Err)
	}
	return b.String()
}
