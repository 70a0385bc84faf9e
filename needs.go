package mediator

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Needs has [New] fail unless somebody handles the messages of type M: a request or
// a stream its handler, a notification a subscriber or a [Relay]; one that subscribes
// to any, as an audit log does, does not count. A type that embeds another request is a
// notification if it has a subscriber of its own. It is for what a module sends and
// others handle: without it the first Send would tell, or nobody, if it is a
// notification. The error is [ErrNoHandler], and says what is near.
//
//	func Module() mediator.Option {
//		return mediator.Options(
//			mediator.Needs[stock.Reserve](),
//			mediator.Handle(place),
//		)
//	}
func Needs[M any]() Option {
	return optionFunc(func(w *wiring) { w.needs = append(w.needs, reflect.TypeFor[M]()) })
}

// unmet is why nobody handles the messages of type t, with everything wired.
func (m *Mediator) unmet(t reflect.Type) error {
	switch {
	case t.Kind() == reflect.Interface:
		return errors.New("it is an interface: name the type that is sent")
	case m.routes[t] != nil:
		return nil
	}
	ss := &m.subs
	ss.mu.Lock()
	defer ss.mu.Unlock()
	all := slices.Concat(ss.relays, ss.all)
	heard := slices.ContainsFunc(all, func(s subscriber) bool { return s.message() == t })
	switch {
	case heard && !isMarked(t): // also one that embeds a request
		return nil
	case t.Implements(reflect.TypeFor[interface{ isRequest() }]()):
		return m.missing("send", t)
	case t.Implements(reflect.TypeFor[interface{ isStream() }]()):
		return m.missing("stream", t)
	}
	for _, s := range all {
		if s.accepts(t) && (s.message().Kind() != reflect.Interface || s.message().NumMethod() > 0) {
			return nil
		}
	}
	if near := ss.nearMiss(m, t); near != "" {
		return fmt.Errorf("%w: %s", ErrNoHandler, near)
	}
	return fmt.Errorf("%w for %v: register one with Subscribe in New", ErrNoHandler, t)
}

// isMarked tells whether t is a request or a stream by an embedded field of its own, not
// by that of another message that it embeds.
func isMarked(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range t.Fields() {
		if f.Anonymous && f.Type.PkgPath() == reflect.TypeFor[Mediator]().PkgPath() {
			return true
		}
	}
	return false
}
