package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// wiring collects what the options of New say. Options only collect; what they
// mean together is found out in build, so their order matters for behaviors and
// subscribers alone.
type wiring struct {
	behaviors   []Behavior
	handlers    []registration
	subscribers []subscriber
	relays      []subscriber
	needs       []reflect.Type
	starts      []func(*Mediator) error
	closes      []func(context.Context) error
	publishing  publishing
	background  backgroundConfig
	mediator    *Mediator
	onWarning   func(string)
	warnings    warnings
	set         map[string]bool
	errs        []error
}

// registration is a handler of a request or of a stream.
type registration interface {
	message() reflect.Type
	settings() *spec
	build(w *wiring, name string) (entry, error)
	around() []Behavior
	inspect() Route
	route
}

func (w *wiring) applyAll(opts []Option) {
	for i, o := range opts {
		if o == nil {
			w.errs = append(w.errs, fmt.Errorf("a nil Option: number %d of %d", i+1, len(opts)))
			continue
		}
		o.apply(w)
	}
}

// fail notes a mistake, or each of those that are joined: they are read a line at a
// time, so each says where it is.
func (w *wiring) fail(what string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			w.fail(what, err)
		}
		return
	}
	w.errs = append(w.errs, fmt.Errorf("%s: %w", what, err))
}

func (w *wiring) once(option string) {
	if w.set[option] {
		w.errs = append(w.errs, fmt.Errorf("%s is given twice", option))
	}
	w.set[option] = true
}

// around is the mediator's behaviors and then those of a handler.
func around(behaviors []Behavior, s *spec) []any {
	layers := make([]any, 0, len(behaviors)+len(s.layers))
	for _, b := range behaviors {
		layers = append(layers, b)
	}
	return append(layers, s.layers...)
}

// around is the layers of a handler, checked.
func (w *wiring) around(s *spec, name string) []any {
	layers := around(w.behaviors, s)
	w.warnings.check(name, layers)
	return layers
}

// names gives each message its name and refuses what would make one ambiguous.
type names struct {
	byType map[reflect.Type]string
	byName map[string]reflect.Type
}

func newNames() names {
	return names{byType: map[reflect.Type]string{}, byName: map[string]reflect.Type{}}
}

// explicit notes what Named says of t.
func (n names) explicit(t reflect.Type, name string) error {
	if name == "" {
		return nil
	}
	if had, ok := n.byType[t]; ok && had != name {
		return fmt.Errorf("%v is Named %q and %q: a message has one name", t, had, name)
	}
	return n.take(t, name)
}

// take makes name the name of t.
func (n names) take(t reflect.Type, name string) error {
	if other, ok := n.byName[name]; ok && other != t {
		one, two := fmt.Sprint(other), fmt.Sprint(t)
		if one == two {
			one, two = fmt.Sprintf("%s of package %q", one, pkgPath(other)), fmt.Sprintf("%s of package %q", two, pkgPath(t))
		}
		return fmt.Errorf("%s and %s are both named %q: give one of them another name with Named", one, two, name)
	}
	n.byName[name], n.byType[t] = t, name
	return nil
}

// pkgPath is where t, or what it points to, is declared.
func pkgPath(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath()
}

// of returns the name of t, the default if it has none yet.
func (n names) of(t reflect.Type) string {
	if name, ok := n.byType[t]; ok {
		return name
	}
	return messageName(t)
}

// assign gives names to all messages: those of Named first, so that a default
// name gives way.
func (w *wiring) assign() names {
	n := newNames()
	each := func(take func(t reflect.Type, s *spec) error) {
		for _, r := range w.handlers {
			if err := take(r.message(), r.settings()); err != nil {
				w.errs = append(w.errs, err)
			}
		}
		for _, s := range slices.Concat(w.relays, w.subscribers) {
			if s.message().Kind() == reflect.Interface {
				continue
			}
			if err := take(s.message(), s.settings()); err != nil {
				w.errs = append(w.errs, err)
			}
		}
	}
	each(func(t reflect.Type, s *spec) error { return n.explicit(t, s.name) })
	each(func(t reflect.Type, _ *spec) error {
		if _, ok := n.byType[t]; ok {
			return nil
		}
		return n.take(t, messageName(t))
	})
	return n
}

// build makes the routes of all handlers and starts the set of subscribers.
func (w *wiring) build(m *Mediator) {
	names := w.assign()
	seen := map[reflect.Type]registration{}
	var entries []entry
	m.routes = map[reflect.Type]route{}
	m.byName = map[string]registration{}
	for _, r := range w.handlers {
		t, name := r.message(), names.of(r.message())
		e, err := r.build(w, name)
		if err := errors.Join(append(slices.Clip(r.settings().errs), err)...); err != nil {
			w.fail(fmt.Sprintf("handler of %v", t), err)
		}
		if first, ok := seen[t]; ok {
			w.fail(fmt.Sprint(t), fmt.Errorf("%w: the %s and the %s: keep one of them", ErrDuplicateHandler, first.describe(), r.describe()))
			continue
		}
		seen[t] = r
		entries = append(entries, e)
		m.routes[t], m.byName[name] = r, r
		m.wired = append(m.wired, r.inspect())
	}
	m.names, m.subs.names = names, names
	for _, r := range w.relays {
		if err := m.subs.relay(r, w); err != nil {
			w.fail(fmt.Sprintf("relay of %v", r.message()), err)
		}
	}
	for _, s := range w.subscribers {
		if err := m.subs.add(s, w.behaviors, names, &w.warnings); err != nil {
			w.fail(fmt.Sprintf("subscriber of %v", s.message()), err)
		}
	}
	m.table = newTable(entries, nil)
	m.subs.prepare(m)
	for _, t := range w.needs {
		if err := m.unmet(t); err != nil {
			w.fail(fmt.Sprintf("Needs[%v]", t), err)
		}
	}
}

// describe names a handler for messages: "request handler shop.Place, which gives
// shop.Order".
func describe(kind string, gives reflect.Type, handler any) string {
	if isNil(handler) {
		return kind + " handler nil"
	}
	if gives == reflect.TypeFor[None]() {
		return fmt.Sprintf("command handler %s", funcName(handler))
	}
	return fmt.Sprintf("%s handler %s, which gives %v", kind, funcName(handler), gives)
}

func refuseInterface(t reflect.Type) error {
	if t.Kind() == reflect.Interface {
		return fmt.Errorf("%v is an interface: register a handler for each type", t)
	}
	return nil
}

// onlyBehaviors is layers without a typed one.
func onlyBehaviors(layers []any, what string) (bs []Behavior, err error) {
	var errs []error
	for _, l := range layers {
		switch l := l.(type) {
		case Behavior:
			bs = append(bs, l)
		case typedLayer:
			errs = append(errs, fmt.Errorf("a Typed behavior for %v stands around %s: Typed is for requests, use Around", l.message, what))
		}
	}
	return bs, errors.Join(errs...)
}
