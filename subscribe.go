package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/fsmediator/mediator/internal/watch"
)

// Subscribe registers h for the notifications of type N. Any number of
// subscribers may have the same type. N may be an interface: every published
// type that implements it arrives. h is called concurrently.
func Subscribe[N any](h func(context.Context, N) error, opts ...HandlerOption) Option {
	spec := newSpec(opts)
	return optionFunc(func(w *wiring) {
		w.subscribers = append(w.subscribers, &subscription[N]{spec: spec.copied(), handle: h})
	})
}

// Listen subscribes h at run time, with the behaviors of the mediator around it.
// What is published from the moment Listen returns arrives, by way of [DispatchTo]
// if the type has a [Relay]. stop ends the subscription: when it has returned, no new
// call of h starts, not even that of a behavior that tries again: its next returns
// [ErrUnsubscribed]. Calls that had begun are given some milliseconds to end, not more,
// so h itself may call stop, and it may be called while h waits. It may be called more
// than once. What is published meanwhile reaches the other subscribers undisturbed.
//
// The errors are those that [New] would report; after Close, [ErrClosed].
func Listen[N any](m *Mediator, h func(context.Context, N) error, opts ...HandlerOption) (stop func(), err error) {
	s := &subscription[N]{spec: newSpec(opts), handle: h, stopped: newGate()}
	var found warnings
	if m.unwired { // its behaviors are not known yet
		err = errUnwired
	} else {
		err = m.subs.listen(s, m.behaviors, &found)
	}
	if err != nil {
		return func() {}, &Error{Op: "listen", Name: messageName(s.message()), Err: err}
	}
	m.warn(found.list()...)
	return func() {
		removed := m.subs.remove(s)
		s.stopped.close()
		if removed {
			leaveWiring(s.layers)
		}
	}, nil
}

// subscriber is a subscription without its type.
type subscriber interface {
	message() reflect.Type
	settings() *spec
	handler() any
	groupName() string
	around() []Behavior
	gate() *gate
	accepts(t reflect.Type) bool
	build(layers []any, group, name string) error
	bind(t reflect.Type, name string) func(context.Context, any, *watch.Call) error
	route(name string) route
	topic(m *Mediator) topicEntry
}

type subscription[N any] struct {
	*spec
	handle  func(context.Context, N) error
	stopped *gate
	chain   chain // empty without behaviors
	pipe    *pipeline[N, None]
	group   string
	layers  []any
}

func (s *subscription[N]) message() reflect.Type { return reflect.TypeFor[N]() }
func (s *subscription[N]) settings() *spec       { return s.spec }
func (s *subscription[N]) handler() any          { return s.handle }
func (s *subscription[N]) groupName() string     { return s.group }
func (s *subscription[N]) around() []Behavior    { return behaviorsAmong(s.layers) }
func (s *subscription[N]) gate() *gate           { return s.stopped }

func (s *subscription[N]) accepts(t reflect.Type) bool {
	own := s.message()
	return t == own || own.Kind() == reflect.Interface && t.Implements(own)
}

func (s *subscription[N]) build(layers []any, group, name string) error {
	s.group, s.layers = group, layers
	what := "a subscriber"
	if group == "" {
		what = "a relay"
	}
	bs, wrong := onlyBehaviors(layers, what)
	if len(bs) == 0 {
		return wrong
	}
	h := innermost(func(ctx context.Context, n N) (None, error) { return None{}, s.handle(ctx, n) })
	if s.stopped != nil {
		h = h.typed(s.gated)
	}
	confined := confines(bs)
	c, err := compose(bs, terminalOf(h, confined), confined)
	if err := errors.Join(wrong, err); err != nil {
		return err
	}
	s.chain = c
	s.pipe = s.pipeline(s.message(), name)
	return nil
}

// gated is next unless the subscription was stopped: a behavior may call again what
// had begun before.
func (s *subscription[N]) gated(ctx context.Context, n N, next func(context.Context, N) (None, error)) (None, error) {
	if !s.stopped.enter() {
		return None{}, ErrUnsubscribed
	}
	defer s.stopped.leave()
	return next(ctx, n)
}

func (s *subscription[N]) pipeline(t reflect.Type, name string) *pipeline[N, None] {
	return newPipeline[N, None](s.chain, &info{kind: KindNotification, name: name, group: s.group, typ: t})
}

// bind returns the subscriber's handling of notifications of type t, for the
// topics of other types than N.
func (s *subscription[N]) bind(t reflect.Type, name string) func(context.Context, any, *watch.Call) error {
	if s.chain.first == nil {
		return func(ctx context.Context, n any, w *watch.Call) error {
			w.Run()
			return s.handle(ctx, n.(N))
		}
	}
	p := s.pipeline(t, name)
	return func(ctx context.Context, n any, w *watch.Call) (err error) {
		if w != nil {
			_, err = p.watched(ctx, n.(N), w)
		} else {
			_, err = p.call(ctx, n.(N))
		}
		return err
	}
}

func (s *subscription[N]) route(name string) route { return &notificationRoute[N]{name: name} }

func (s *subscription[N]) topic(m *Mediator) topicEntry {
	return topicEntry{entry: entry{hash: typeHash[*topic[N]](), value: newTopic[N](m, s.message())}, typ: s.message()}
}

// notificationRoute is the way by name to the subscribers of N.
type notificationRoute[N any] struct{ name string }

func (r *notificationRoute[N]) describe() string { return "subscriber" }

func (r *notificationRoute[N]) dispatch(ctx context.Context, m *Mediator, group string, decode func(target any) error) (any, error) {
	if group == "" {
		n, err := decodeMessage[N](decode)
		if err != nil {
			return nil, err
		}
		return nil, Publish(ctx, m, n)
	}
	all := typedTopic[N](m)
	one := &topic[N]{m: m, name: all.name, toOne: true}
	for _, s := range all.groups {
		if s.group == group {
			one.steps = append(one.steps, s)
		}
	}
	if len(one.steps) == 0 {
		return nil, &Error{Op: "dispatch", Name: r.name, Group: group, Err: fmt.Errorf("%w: no subscriber has this group", ErrNoHandler)}
	}
	n, err := decodeMessage[N](decode)
	if err != nil {
		return nil, err
	}
	ctx, w := watch.Take(ctx, uint8(KindNotification), r.name, group)
	if w != nil {
		defer w.Done()
		for i, s := range one.steps {
			one.steps[i] = s.watched(w)
		}
	}
	return nil, one.sequential(ctx, n)
}
