package mediator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// Subscribe registers h for the notifications of type N. Any number of
// subscribers may have the same type. N may be an interface: every published
// type that implements it arrives. h is called concurrently.
func Subscribe[N any](h func(context.Context, N) error, opts ...HandlerOption) Option {
	spec := newSpec(opts)
	return optionFunc(func(w *wiring) {
		w.subscribers = append(w.subscribers, &subscription[N]{spec: spec, handle: h})
	})
}

// Listen subscribes h at run time, with the behaviors of the mediator around it.
// What is published from the moment Listen returns arrives, by way of [DispatchTo]
// if the type has a [Relay]. stop ends the subscription: when it has returned, no new
// call of h starts, not even that of a behavior that tries again: its next returns
// nil. Calls that had begun are given some milliseconds to end, not more, so h itself
// may call stop, and it may be called while h waits. It may be called more than once.
// What is published meanwhile reaches the other subscribers undisturbed.
//
// The errors are those that [New] would report; after Close, [ErrClosed].
func Listen[N any](m *Mediator, h func(context.Context, N) error, opts ...HandlerOption) (stop func(), err error) {
	s := &subscription[N]{spec: newSpec(opts), handle: h, stopped: newGate()}
	var found warnings
	if err = m.subs.listen(s, m.behaviors, &found); err != nil {
		return func() {}, &Error{Op: "listen", Name: messageName(s.message()), Err: err}
	}
	m.warn(found.list()...)
	return func() {
		m.subs.remove(s)
		s.stopped.close()
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
	bind(t reflect.Type, name string) func(context.Context, any) error
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
	h := s.handle
	if g := s.stopped; g != nil {
		// A behavior may call again what had begun before the stop.
		h = func(ctx context.Context, n N) error {
			if !g.enter() {
				return nil
			}
			defer g.leave()
			return s.handle(ctx, n)
		}
	}
	c, err := compose(bs, terminal(func(ctx context.Context, n N) (None, error) { return None{}, h(ctx, n) }))
	if err := errors.Join(wrong, err); err != nil {
		return err
	}
	s.chain = c
	s.pipe = s.pipeline(s.message(), name)
	return nil
}

func (s *subscription[N]) pipeline(t reflect.Type, name string) *pipeline[N, None] {
	return newPipeline[N, None](s.chain, &info{kind: KindNotification, name: name, group: s.group, typ: t})
}

// bind returns the subscriber's handling of notifications of type t, for the
// topics of other types than N.
func (s *subscription[N]) bind(t reflect.Type, name string) func(context.Context, any) error {
	if s.chain.first == nil {
		return func(ctx context.Context, n any) error { return s.handle(ctx, n.(N)) }
	}
	p := s.pipeline(t, name)
	return func(ctx context.Context, n any) error {
		_, err := p.call(ctx, n.(N))
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
	one := &topic[N]{m: m, name: all.name}
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
	return nil, one.sequential(ctx, n)
}

// subscriptions holds the subscribers. They change under mu; Publish reads the
// topics made of them, a set that is replaced, never changed.
type subscriptions struct {
	topics atomic.Pointer[topicSet] // nil once closed

	mu     sync.Mutex
	set    *topicSet // the same, also when closed: for what Close drains
	all    []subscriber
	relays []subscriber
	names  names
	routes map[string]route      // by name
	number map[string]int        // the last number given to a default group
	missed map[reflect.Type]bool // what a near miss was told of
	closed bool
}

// publish makes the present set that which Publish reads.
func (ss *subscriptions) publish() {
	if !ss.closed {
		ss.topics.Store(ss.set)
	}
}

// add appends s, for New, and notes in found what its behaviors warn of.
func (ss *subscriptions) add(s subscriber, behaviors []Behavior, n names, found *warnings) error {
	spec, t := s.settings(), s.message()
	errs := append(slices.Clone(spec.errs), spec.refuse("a subscriber", "Capacity"))
	if isNil(s.handler()) {
		errs = append(errs, errNilHandler)
	}
	if t.Kind() == reflect.Interface && spec.name != "" {
		errs = append(errs, fmt.Errorf("Named %q on a subscription to the interface %v: name the types that implement it", spec.name, t))
	}
	taken := map[string]bool{}
	for _, other := range ss.all {
		if other.accepts(t) || s.accepts(other.message()) {
			taken[other.groupName()] = true
		}
	}
	group := spec.group
	if taken[group] {
		errs = append(errs, fmt.Errorf("Group %q is taken by another subscriber that receives %v", group, t))
	}
	if group == "" {
		group = ss.uniqueGroup(funcName(s.handler()), taken)
	}
	layers, name := around(behaviors, spec), n.of(t)
	if err := errors.Join(append(errs, s.build(layers, group, name))...); err != nil {
		return err
	}
	found.check(name+" to "+group, layers)
	ss.all = append(slices.Clip(ss.all), s)
	if t.Kind() != reflect.Interface {
		ss.addRoute(name, s)
	}
	ss.names = n
	return nil
}

func (ss *subscriptions) addRoute(name string, s subscriber) {
	if ss.routes == nil {
		ss.routes = map[string]route{}
	}
	ss.routes[name] = s.route(name)
}

// uniqueGroup returns the default group, with a number if another subscriber of
// the same messages has it.
func (ss *subscriptions) uniqueGroup(base string, taken map[string]bool) string {
	if !taken[base] {
		return base
	}
	if ss.number == nil {
		ss.number = map[string]int{}
	}
	for {
		ss.number[base]++
		if name := base + "#" + strconv.Itoa(ss.number[base]+1); !taken[name] {
			return name
		}
	}
}

// listen is add at run time.
func (ss *subscriptions) listen(s subscriber, behaviors []Behavior, found *warnings) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed {
		return ErrClosed
	}
	n := names{byType: maps.Clone(ss.names.byType), byName: maps.Clone(ss.names.byName)}
	if n.byType == nil {
		n = newNames()
	}
	if t := s.message(); t.Kind() != reflect.Interface {
		if err := n.explicit(t, s.settings().name); err != nil {
			return err
		}
		if err := n.take(t, n.of(t)); err != nil {
			return err
		}
	}
	if err := ss.add(s, behaviors, n, found); err != nil {
		return err
	}
	ss.set = ss.set.without(s)
	ss.publish()
	return nil
}

func (ss *subscriptions) remove(s subscriber) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	i := slices.Index(ss.all, s)
	if i < 0 {
		return
	}
	ss.all = slices.Delete(slices.Clone(ss.all), i, i+1)
	ss.set = ss.set.without(s)
	ss.publish()
}

func (ss *subscriptions) byName(name string) (route, bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	r, ok := ss.routes[name]
	return r, ok
}

// around is the behaviors around the subscribers with the name and the group.
func (ss *subscriptions) around(name, group string) (bs []Behavior) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	t := ss.names.byName[name]
	for _, s := range ss.all {
		if t != nil && s.groupName() == group && s.accepts(t) {
			bs = append(bs, s.around()...)
		}
	}
	return bs
}

// aroundRelay is the behaviors around the relay of the message with the name.
func (ss *subscriptions) aroundRelay(name string) []Behavior {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if r := ss.relayOf(ss.names.byName[name]); r != nil {
		return r.around()
	}
	return nil
}

func (ss *subscriptions) close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.closed = true
	ss.topics.Store(nil)
}
