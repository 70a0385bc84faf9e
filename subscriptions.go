package mediator

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

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
		errs = append(errs, fmt.Errorf("Group %q is taken by another subscriber that receives %v: give one of them another", group, t))
	}
	layers, name := around(behaviors, spec), n.of(t)
	if group == "" {
		base := funcName(s.handler())
		group = ss.uniqueGroup(base, taken)
		if group != base && (ss.relayOf(t) != nil || keepsGroups(layers)) {
			found.add("a default group has a number, which changes with the order of the options, and what is stored for it would go to another subscriber: give them a Group", name+" to "+group)
		}
	}
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

// remove takes s out; false if it was out already.
func (ss *subscriptions) remove(s subscriber) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	i := slices.Index(ss.all, s)
	if i < 0 {
		return false
	}
	ss.all = slices.Delete(slices.Clone(ss.all), i, i+1)
	ss.set = ss.set.without(s)
	ss.publish()
	return true
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
