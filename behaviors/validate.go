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
// The method may have the message's type or a pointer to it as its receiver, but
// must not change the message, nor keep its address: it sees the one that the
// handler gets, not a copy. A nil pointer to a type whose method has the type as
// its receiver is invalid: there is nothing to call it on. It is called once for each subscriber of a
// notification, concurrently.
func Validate() mediator.Behavior { return validation{} }

type validation struct{}

// BehaviorName returns "Validate".
func (validation) BehaviorName() string { return "Validate" }

type validator interface{ Validate() error }

// receiver tells whether messages of a type can be validated.
type receiver struct {
	typ       reflect.Type
	hasMethod bool // it, or a pointer to it
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
		if r.hasMethod {
			if err := validate(c); err != nil {
				return err
			}
		}
		return next(ctx, c)
	}
}

func receiverOf(t reflect.Type) *receiver {
	// The methods of a type are also those of a pointer to it.
	return &receiver{typ: t, hasMethod: t != nil &&
		(t.Implements(reflect.TypeFor[validator]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[validator]()))}
}

func validate(c mediator.Call) error {
	return c.View(func(message any) error {
		v, ok := message.(validator)
		if !ok {
			v = boxed(message)
		}
		if isNil(v) {
			return &InvalidError{Name: c.Name(), Err: errNilMessage}
		}
		if err := v.Validate(); err != nil {
			return &InvalidError{Name: c.Name(), Err: err}
		}
		return nil
	})
}

var errNilMessage = errors.New("the message is a nil pointer")

// isNil tells whether v is a nil pointer that its method cannot be called on.
func isNil(v validator) bool {
	p := reflect.ValueOf(v)
	return p.Kind() == reflect.Pointer && p.IsNil() && p.Type().Elem().Implements(reflect.TypeFor[validator]())
}

// boxed is the validator in an interface, given its address: that is what a
// subscriber to an interface has.
func boxed(message any) validator {
	in := reflect.ValueOf(message).Elem().Elem()
	if v, ok := reflect.TypeAssert[validator](in); ok {
		return v
	}
	p := reflect.New(in.Type())
	p.Elem().Set(in)
	return p.Interface().(validator)
}
