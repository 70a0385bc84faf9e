package behaviors

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"

	"github.com/fsmediator/mediator"
)

// ErrInvalid is the error of a message that [Validate] turned down.
var ErrInvalid = errors.New("invalid message")

// InvalidError is the error of [Validate]: it is [ErrInvalid] and what the
// message said.
type InvalidError struct {
	Name string // the message's name
	Err  error  // what its Validate method returned
}

// Error names the message and says what is wrong with it.
func (e *InvalidError) Error() string {
	return ErrInvalid.Error() + " " + e.Name + ": " + e.Err.Error()
}

// Unwrap returns [ErrInvalid] and Err.
func (e *InvalidError) Unwrap() []error { return []error{ErrInvalid, e.Err} }

// Validate turns down the messages that have a method Validate() error and
// return an error from it: with an [*InvalidError], and neither the handler nor
// the behaviors inside run. Messages without the method pass. [Retry] does not
// repeat the error.
//
// The method may have the message's type or a pointer to it as its receiver. It
// is called once for each subscriber of a notification, concurrently.
func Validate() mediator.Behavior { return validation{} }

type validation struct{}

// BehaviorName returns "Validate".
func (validation) BehaviorName() string { return "Validate" }

type validator interface{ Validate() error }

// receiver is how a type of message can be validated.
type receiver struct {
	typ     reflect.Type
	itself  bool // it has the method
	address bool // a pointer to it has the method
}

func (validation) Wrap(next mediator.Next) mediator.Next {
	// A handler has one type of message; a subscriber to an interface has several,
	// of which the latest is remembered.
	var known atomic.Pointer[receiver]
	return func(ctx context.Context, c mediator.Call) error {
		r := known.Load()
		if r == nil || r.typ != c.Type() {
			r = receiverOf(c.Type())
			known.Store(r)
		}
		if r.itself || r.address {
			if err := r.validate(c); err != nil {
				return err
			}
		}
		return next(ctx, c)
	}
}

func receiverOf(t reflect.Type) *receiver {
	r := &receiver{typ: t}
	if t != nil {
		method := reflect.TypeFor[validator]()
		r.itself = t.Implements(method)
		r.address = !r.itself && reflect.PointerTo(t).Implements(method)
	}
	return r
}

func (r *receiver) validate(c mediator.Call) error {
	message := c.Message()
	if message == nil {
		return c.Err()
	}
	if r.address {
		p := reflect.New(r.typ)
		p.Elem().Set(reflect.ValueOf(message))
		message = p.Interface()
	}
	if err := message.(validator).Validate(); err != nil {
		return &InvalidError{Name: c.Name(), Err: err}
	}
	return nil
}
