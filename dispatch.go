package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Dispatch handles the message with the given name (see [Named]), as it came
// over a wire or out of a store: it has decode fill in a new message, whose
// address it passes, and sends or publishes it. It returns a request's response,
// nil for a command and a notification. decode is not called if nothing has the
// name; that is [ErrNoHandler].
//
// The names are those of handlers, of the concrete types subscribed to, also at
// run time, and of those with a [Relay]; see [Mediator.Inspect]. For a stream there
// is [DispatchStream]. If a type has a handler and subscribers, the handler gets it.
func Dispatch(ctx context.Context, m *Mediator, name string, decode func(target any) error) (any, error) {
	return dispatch(ctx, m, name, "", decode)
}

// DispatchTo is [Dispatch] of a notification to the subscribers of one group
// alone: to redrive what failed there. Subscribers to interfaces count by their
// group too. It is [ErrNoHandler] if no subscriber of the message has the group.
func DispatchTo(ctx context.Context, m *Mediator, name, group string, decode func(target any) error) error {
	if group == "" {
		return &Error{Op: "dispatch", Name: name, Err: errors.New("the group is empty")}
	}
	_, err := dispatch(ctx, m, name, group, decode)
	return err
}

func dispatch(ctx context.Context, m *Mediator, name, group string, decode func(target any) error) (any, error) {
	r, err := findNamed(ctx, m, name, group, decode)
	if err != nil {
		return nil, err
	}
	v, err := r.dispatch(ctx, m, group, decode)
	return v, named(name, err)
}

// findNamed returns the way of the message with the name, for one that is still
// to be decoded.
func findNamed(ctx context.Context, m *Mediator, name, group string, decode func(target any) error) (route, error) {
	if decode == nil {
		return nil, &Error{Op: "dispatch", Name: name, Err: errors.New("the decode function is nil")}
	}
	if err := m.open(ctx); err != nil {
		return nil, &Error{Op: "dispatch", Name: name, Err: err}
	}
	if m.unwired {
		return nil, &Error{Op: "dispatch", Name: name, Group: group, Err: fmt.Errorf("%w for a message of this name yet: %w", ErrNoHandler, errUnwired)}
	}
	if r, ok := m.byName[name]; ok && group == "" {
		return r, nil
	}
	if r, ok := m.subs.byName(name); ok {
		return r, nil
	}
	return nil, &Error{Op: "dispatch", Name: name, Group: group, Err: fmt.Errorf("%w for a message of this name%s", ErrNoHandler, m.nearName(name))}
}

// named puts the operation and the name to the error of a decode. What a handler
// returns stays as it is.
func named(name string, err error) error {
	if d, ok := err.(*decodeError); ok {
		return &Error{Op: "dispatch", Name: name, Err: d.err}
	}
	return err
}

// decodeError tells a failed decode from a failed handler.
type decodeError struct{ err error }

func (e *decodeError) Error() string { return e.err.Error() }

// decodeMessage returns the Q that decode fills in. If Q is a pointer, that is
// the address decode gets.
func decodeMessage[Q any](decode func(target any) error) (q Q, err error) {
	target := any(&q)
	if t := reflect.TypeFor[Q](); t.Kind() == reflect.Pointer {
		q = reflect.New(t.Elem()).Interface().(Q)
		target = q
	}
	if err := decode(target); err != nil {
		return q, &decodeError{fmt.Errorf("decode %T: %w", target, err)}
	}
	return q, nil
}

// noHandler says what is missing and what is there instead.
func (m *Mediator) noHandler(op string, t reflect.Type) error {
	if m.unwired {
		return fmt.Errorf("%w for %v yet: %w", ErrNoHandler, t, errUnwired)
	}
	return m.missing(op, t)
}

// missing is noHandler with everything wired.
func (m *Mediator) missing(op string, t reflect.Type) error {
	switch {
	case t.Kind() == reflect.Pointer && m.routes[t.Elem()] != nil:
		return fmt.Errorf("%w for %v; one for %v exists: send a value", ErrNoHandler, t, t.Elem())
	case m.routes[reflect.PointerTo(t)] != nil:
		return fmt.Errorf("%w for %v; one for %v exists: send a pointer", ErrNoHandler, t, reflect.PointerTo(t))
	}
	for other := range m.routes {
		if other.Name() == t.Name() && t.Name() != "" {
			return fmt.Errorf("%w for %v of package %q; one for %v of package %q exists", ErrNoHandler, t, t.PkgPath(), other, other.PkgPath())
		}
	}
	if e := m.embedded(t); e != nil {
		return fmt.Errorf("%w for %v; one for %v exists, which it embeds: send that", ErrNoHandler, t, e)
	}
	register := "Handle"
	switch {
	case op == "stream":
		register = "HandleStream"
	case t.Implements(reflect.TypeFor[Request[None]]()):
		register = "HandleCommand"
	}
	return fmt.Errorf("%w for %v: register one with %s in New", ErrNoHandler, t, register)
}

// embedded returns a type that t embeds and that has a handler, nil if there is none.
func (m *Mediator) embedded(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		if f.Anonymous && m.routes[f.Type] != nil {
			return f.Type
		}
	}
	return nil
}

// nearName finds a name that differs in case or in what stands before the dot.
func (m *Mediator) nearName(name string) string {
	base := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	for _, r := range m.Inspect() {
		if strings.EqualFold(base(r.Name), base(name)) && r.Message.Kind() != reflect.Interface {
			return fmt.Sprintf("; one for %q exists", r.Name)
		}
	}
	return ""
}
