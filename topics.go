package mediator

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// topicSet finds the topics by static type in table, and the topics of what was
// published as an interface value by dynamic type in boxed.
type topicSet struct {
	table   *table
	entries []topicEntry
	boxed   map[reflect.Type]*topic[any]
}

type topicEntry struct {
	entry
	typ reflect.Type
}

// without returns the set without the topics that s belongs in.
func (t *topicSet) without(s subscriber) *topicSet {
	if t == nil {
		return nil
	}
	kept := &topicSet{table: t.table, boxed: map[reflect.Type]*topic[any]{}}
	for _, e := range t.entries {
		if !s.accepts(e.typ) {
			kept.entries = append(kept.entries, e)
		}
	}
	for typ, topic := range t.boxed {
		if !s.accepts(typ) {
			kept.boxed[typ] = topic
		}
	}
	return kept.index()
}

// with returns the set with one more topic.
func (t *topicSet) with(e topicEntry, boxed *topic[any]) *topicSet {
	more := &topicSet{boxed: map[reflect.Type]*topic[any]{}}
	if t != nil {
		more.table, more.entries = t.table, slices.Clip(t.entries)
		maps.Copy(more.boxed, t.boxed)
	}
	if boxed != nil {
		more.boxed[e.typ] = boxed
	} else {
		more.entries = append(more.entries, e)
	}
	return more.index()
}

// index makes the table of the entries, where there is that of a set before.
func (t *topicSet) index() *topicSet {
	entries := make([]entry, len(t.entries))
	for i, e := range t.entries {
		entries[i] = e.entry
	}
	t.table = newTable(entries, t.table)
	return t
}

// topicOf returns the topic of notifications of type t, and makes it if need be.
// N is t, or any for what is published as an interface value.
func topicOf[N any](m *Mediator, t reflect.Type) *topic[N] {
	found, missed := findOrMake[N](m, t)
	if missed != "" {
		m.warn(fmt.Sprintf("mediator: publish %s: %s", found.name, missed))
	}
	return found
}

// findOrMake is topicOf, and says what is likely wrong if the topic is new.
func findOrMake[N any](m *Mediator, t reflect.Type) (_ *topic[N], missed string) {
	ss := &m.subs
	ss.mu.Lock()
	defer ss.mu.Unlock()
	boxed := t != reflect.TypeFor[N]()
	if ss.set != nil {
		if found, ok := any(ss.set.boxed[t]).(*topic[N]); ok && boxed && found != nil {
			return found, ""
		}
		if found, ok := probe[topic[N]](ss.set.table); ok && !boxed {
			return found, ""
		}
	}
	made := newTopic[N](m, t)
	e := topicEntry{entry: entry{hash: typeHash[*topic[N]](), value: made}, typ: t}
	if boxed {
		ss.set = ss.set.with(e, any(made).(*topic[any]))
	} else {
		ss.set = ss.set.with(e, nil)
	}
	ss.publish()
	return made, ss.nearMiss(m, t)
}

// nearMiss says, once a type, why the notifications of type t may not reach whom
// they are meant for: the subscribers are to *T and not to T, or the other way
// round, or t is a request. It is called with mu held.
func (ss *subscriptions) nearMiss(m *Mediator, t reflect.Type) string {
	subscribed := map[reflect.Type]bool{}
	heard := false
	for _, s := range slices.Concat(ss.relays, ss.all) {
		subscribed[s.message()] = true
		heard = heard || s.accepts(t)
	}
	if subscribed[t] || ss.missed[t] {
		return ""
	}
	var text string
	switch {
	case t.Kind() == reflect.Pointer && subscribed[t.Elem()]:
		text = fmt.Sprintf("no subscriber to %v; one to %v exists: publish a value", t, t.Elem())
	case subscribed[reflect.PointerTo(t)]:
		text = fmt.Sprintf("no subscriber to %v; one to %v exists: publish a pointer", t, reflect.PointerTo(t))
	case m.routes[t] != nil && !heard:
		text = fmt.Sprintf("no subscriber to %v, but a %s: it is not called by Publish", t, m.routes[t].describe())
	default:
		return ""
	}
	if ss.missed == nil {
		ss.missed = map[reflect.Type]bool{}
	}
	ss.missed[t] = true
	return text
}

// typedTopic is topicOf for N's own topic, without a lock if it is made already.
func typedTopic[N any](m *Mediator) *topic[N] {
	if set := m.subs.topics.Load(); set != nil {
		if t, ok := probe[topic[N]](set.table); ok {
			return t
		}
	}
	return topicOf[N](m, reflect.TypeFor[N]())
}

// newTopic makes the topic of notifications of type t, with mu held.
func newTopic[N any](m *Mediator, t reflect.Type) *topic[N] {
	ss := &m.subs
	made := &topic[N]{m: m, name: ss.names.of(t), parallel: m.publishing.parallel}
	for _, s := range ss.all {
		if s.accepts(t) {
			made.groups = append(made.groups, newStep[N](s, t, made.name))
		}
	}
	made.steps = made.groups
	if r := ss.relayOf(t); r != nil {
		made.relayed, made.parallel = true, 0
		made.steps = []step[N]{newStep[N](r, t, made.name)}
	} else if m.wrappers != nil {
		made.wrappers, made.parallel = m.wrappers, -1
	}
	if len(made.steps) == 1 && made.parallel == 0 {
		made.single = made.steps[0].plain
	}
	return made
}

// newStep makes the step of s in a topic of notifications of type t.
func newStep[N any](s subscriber, t reflect.Type, name string) step[N] {
	made := step[N]{gate: s.gate(), group: s.groupName()}
	same, ok := s.(*subscription[N])
	switch {
	case !ok || t != reflect.TypeFor[N]():
		made.boxed = s.bind(t, name)
	case same.pipe != nil:
		made.pipe = same.pipe
	case made.gate != nil:
		made.handle = same.handle
	default:
		made.plain = same.handle
	}
	return made
}

// prepare makes the topics of all concrete types that are relayed or subscribed
// to, for New: one table for all of them.
func (ss *subscriptions) prepare(m *Mediator) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.set = &topicSet{}
	seen := map[reflect.Type]bool{}
	for _, s := range slices.Concat(ss.relays, ss.all) {
		if t := s.message(); t.Kind() != reflect.Interface && !seen[t] {
			seen[t] = true
			ss.set.entries = append(ss.set.entries, s.topic(m))
		}
	}
	ss.set.index()
	ss.publish()
}
