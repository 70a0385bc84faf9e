package behaviors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
)

// ErrInvalid is the error of a message that [Validate] turned down. It is an
// answer of the business, see [Business].
var ErrInvalid = Business(errors.New("invalid message"))

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

// Business returns true, see [Business].
func (*InvalidError) Business() bool { return true }

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
// its receiver is invalid: there is nothing to call it on. It is called once for
// each subscriber of a notification, concurrently.
//
// It is for what the message itself tells, so it gets no context, and may not wait:
// what has to be looked up is the handler's, or that of a [mediator.Typed]. A method
// Validate with other parameters or results is not called; the first message of such a
// type is told of by a warning record of [slog.Default].
func Validate() mediator.Behavior { return &validation{} }

type validation struct {
	scoped
	receivers sync.Map // what is known of types of messages, of which a program has so many
}

// BehaviorName returns "Validate".
func (*validation) BehaviorName() string { return "Validate" }

type validator interface{ Validate() error }

// receiver tells how messages of a type are validated.
type receiver struct {
	typ   reflect.Type
	check func(message any) error // nil if they have no such method
}

func (v *validation) Wrap(next mediator.Next) mediator.Next {
	// A handler has one type of message; a subscriber to an interface has several,
	// of which the latest is remembered.
	var latest atomic.Pointer[receiver]
	var several atomic.Bool
	return func(ctx context.Context, c mediator.Call) error {
		r := latest.Load()
		if r == nil || several.Load() && r.typ != c.Type() {
			several.Store(c.Kind() == mediator.KindNotification)
			r = v.receiverOf(c.Type())
			latest.Store(r)
		}
		if check := r.check; check != nil {
			err := c.View(check)
			c.Waited()
			if err != nil {
				return named(err, c)
			}
		}
		return next(ctx, c)
	}
}

func (v *validation) receiverOf(t reflect.Type) *receiver {
	if known, ok := v.receivers.Load(t); ok {
		return known.(*receiver)
	}
	r := &receiver{typ: t}
	if t == nil {
		return r
	}
	method := reflect.TypeFor[validator]()
	switch {
	case t.Kind() == reflect.Pointer && t.Elem().Implements(method):
		r.check = checkUnlessNil
	case t.Implements(method), reflect.PointerTo(t).Implements(method): // those of a type are also those of a pointer to it
		r.check = check
	}
	known, had := v.receivers.LoadOrStore(t, r)
	if !had && r.check == nil {
		warnOfOther(t)
	}
	return known.(*receiver)
}

// warnOfOther tells of a method that has the name alone.
func warnOfOther(t reflect.Type) {
	of := t
	if t.Kind() != reflect.Pointer {
		of = reflect.PointerTo(t)
	}
	if m, ok := of.MethodByName("Validate"); ok {
		slog.Warn(fmt.Sprintf("mediator: Validate: %v has a method Validate that is not called, for it is a %v: it has to be a func() error; what needs more belongs into the handler",
			t, reflect.Zero(of).Method(m.Index).Type()))
	}
}

// check validates what [mediator.Call.View] shows.
func check(message any) error {
	if v, ok := message.(validator); ok {
		return invalid(v.Validate())
	}
	return invalid(validatorOf(message).Validate())
}

// checkUnlessNil is check for a pointer to a type that has the method, which
// cannot be called if the pointer is nil.
func checkUnlessNil(message any) error {
	v := validatorOf(message)
	if reflect.ValueOf(v).IsNil() {
		return invalid(errNilMessage)
	}
	return invalid(v.Validate())
}

var errNilMessage = errors.New("the message is a nil pointer")

func invalid(err error) error {
	if err == nil {
		return nil
	}
	return &InvalidError{Err: err}
}

// named is err with the name of what is invalid, if err says that it is.
func named(err error, c mediator.Call) error {
	//nolint:errorlint // what a message returned is not to be changed
	if e, ok := err.(*InvalidError); ok {
		e.Name = c.Name()
	}
	return err
}

// validatorOf is the message, or, given the address of an interface, which is what
// a subscriber to one has, the message in it.
func validatorOf(message any) validator {
	if v, ok := message.(validator); ok {
		return v
	}
	in := reflect.ValueOf(message).Elem().Elem()
	if v, ok := reflect.TypeAssert[validator](in); ok {
		return v
	}
	p := reflect.New(in.Type())
	p.Elem().Set(in)
	return p.Interface().(validator)
}
