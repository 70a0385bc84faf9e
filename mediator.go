package mediator

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
)

// Mediator routes messages to handlers. Make one with [New] and share it: all
// of its use is safe for concurrent use, and routes do not change, so that a
// call takes no lock. The zero Mediator has no handlers; it can be given
// subscribers by [Listen]. A Mediator must not be copied.
type Mediator struct {
	requests atomic.Pointer[table] // what Send and Stream read: table, nil once closed
	subs     subscriptions
	tasks    tasks
	life     lifecycle
	closing  atomic.Bool

	// Set by New, not changed afterwards.
	table      *table
	routes     map[reflect.Type]route
	byName     map[string]registration
	wired      []Route // the handlers' part of Inspect
	names      names
	behaviors  []Behavior
	publishing publishing
	wrappers   []PublishWrapper
	onWarning  func(string)
	unwired    bool // while New is at work
}

// New returns a mediator wired by opts. Everything that is wrong with the wiring
// is reported at once, joined: nil functions and options, two handlers for one
// request ([ErrDuplicateHandler]), names that clash, options that conflict or
// make no sense where they stand. If there is nothing wrong, it calls the functions
// of [OnStart] before it returns.
func New(opts ...Option) (*Mediator, error) {
	m := &Mediator{unwired: true}
	w := &wiring{set: map[string]bool{}, mediator: m}
	w.applyAll(opts)
	m.behaviors, m.publishing, m.onWarning = w.behaviors, w.publishing, w.onWarning
	m.wrappers = publishWrappers(w.behaviors)
	m.life.starts, m.life.closes = w.starts, w.closes
	m.tasks.configure(w.background)
	w.build(m)
	if err := errors.Join(w.errs...); err != nil {
		return nil, &Error{Op: "new", Err: err}
	}
	m.warn(w.warnings.list()...)
	m.requests.Store(m.table)
	m.unwired = false
	if err := m.start(); err != nil {
		return nil, &Error{Op: "new", Err: err}
	}
	return m, nil
}

var errUnwired = errors.New("what Bind gives can be used once New calls the functions of OnStart")

// open returns ErrClosed if the mediator is closed to calls with ctx. While Close
// drains, the handlers it waits for still may call.
func (m *Mediator) open(ctx context.Context) error {
	if m.closing.Load() && !m.tasks.drains(ctx) {
		return ErrClosed
	}
	return nil
}

// route finds the route of a type without find.
func (m *Mediator) route(ctx context.Context, op string, t reflect.Type) (route, error) {
	if err := m.open(ctx); err != nil {
		return nil, &Error{Op: op, Name: m.names.of(t), Err: err}
	}
	r, ok := m.routes[t]
	if !ok {
		return nil, &Error{Op: op, Name: m.names.of(t), Err: m.noHandler(op, t)}
	}
	return r, nil
}

// Behaviors returns the behaviors around a handler, the outermost first: that of
// the request or stream with the name, or the subscriber of the group to the
// notification with the name; without a group, the [Relay] of that. It is nil if
// there is none.
func (m *Mediator) Behaviors(name, group string) []Behavior {
	if group != "" {
		return m.subs.around(name, group)
	}
	if r, ok := m.byName[name]; ok {
		return r.around()
	}
	return m.subs.aroundRelay(name)
}

// Close ends the mediator. First it calls the functions of [OnClose], if there are
// any, and a [CloseWatcher] before them. From then on calls return
// [ErrClosed], also those that handlers in progress make: wait for your own
// senders first. Only the handlers of [Background] notifications may still call,
// with the context they got. It waits until all notifications accepted
// before have been handled and ends every [ChanStream]; then no goroutine of the
// mediator's is left, and it returns nil, or the errors of OnClose. Calls in
// progress on other goroutines are their callers' and not waited for.
//
// If ctx ends first, the contexts of the handlers still running are cancelled, they
// are given a tenth of a second to end, and an [*UndoneError] says what is left undone,
// those that were cancelled included. Close may be called again, to wait for the rest.
// Called while the functions of OnClose run, it waits for them; if ctx ends first, it
// has ended nothing and returns ctx's error.
//
// A background handler that calls it gets an error, for it would wait for itself: by
// the context that the handler got it is known to be one. With another context it does
// wait, until that ends. What [Bind] gives cannot be closed before New starts it.
func (m *Mediator) Close(ctx context.Context) (err error) {
	if m.unwired {
		return &Error{Op: "close", Err: errUnwired}
	}
	var errs []error
	fail := func(err error) { errs = append(errs, err) }
	goOn := true
	defer func() {
		if goOn {
			m.closing.Store(true)
			m.requests.Store(nil)
			m.subs.close()
			fail(m.tasks.close(ctx))
		}
		if joined := errors.Join(errs...); joined != nil {
			err = &Error{Op: "close", Err: joined}
		}
	}()
	goOn = m.beginClose(ctx, fail)
	return nil
}
