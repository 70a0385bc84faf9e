package health

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// Source is implemented by what has components with a state of their own: the
// breakers of a behavior, the connections of a transport. Health gives each
// component's name, and what is wrong with it, nil for nothing. It is called
// concurrently, for each [Report], and must not block. What is wrong makes a
// [Warning]: an open breaker keeps the rest of the process healthy. For what makes
// the process unhealthy or not ready there is [Check]. Components of one name, of the
// same Source or several, are one, with the first thing that is wrong.
//
// A behavior that implements it and stands around a handler together with a
// Monitor, also inside of another one, is found without further ado, and asked until the
// last subscription by [mediator.Listen] that it was found with has stopped. It has to
// be a pointer, or another type that can be compared, and needs no type of this package:
//
//	func (b *Breaker) Health() iter.Seq2[string, error]
//
// What has another method for its state is adapted by a [SourceFunc]:
//
//	health.SourceFunc(func() iter.Seq2[string, error] {
//		return func(yield func(string, error) bool) {
//			for _, s := range breaker.Snapshot() {
//				var err error
//				if s.State != behaviors.StateClosed {
//					err = errors.New(s.State.String())
//				}
//				if !yield(s.Key, err) {
//					return
//				}
//			}
//		}
//	})
type Source interface {
	Health() iter.Seq2[string, error]
}

// SourceFunc is a function that is a [Source].
type SourceFunc func() iter.Seq2[string, error]

// Health calls f.
func (f SourceFunc) Health() iter.Seq2[string, error] { return f() }

// source is a Source, and around how many handlers it was found.
type source struct {
	Source
	found int
	given bool // by the Config: it stays
}

// sourcesAmong are those among behaviors, and among what these stand for.
func sourcesAmong(lists ...[]mediator.Behavior) iter.Seq[Source] {
	return func(yield func(Source) bool) {
		for _, outer := range slices.Concat(lists...) {
			for b := range unwrap.All(outer) {
				if s, ok := b.(Source); ok && !yield(s) {
					return
				}
			}
		}
	}
}

// addSource takes up s, once. There are at most as many as MaxNames, and those of
// the Config.
func (m *Monitor) addSource(s Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.indexOf(s); i >= 0 {
		m.sources[i].found++
	} else if len(m.sources) < m.c.MaxNames+len(m.c.Sources) {
		m.sources = append(m.sources, &source{Source: s, found: 1})
	}
}

// removeSource lets go of s where it was found last.
func (m *Monitor) removeSource(s Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.indexOf(s)
	if i < 0 {
		return
	}
	if m.sources[i].found--; m.sources[i].found <= 0 && !m.sources[i].given {
		m.sources = slices.Delete(slices.Clone(m.sources), i, i+1)
	}
}

// indexOf is called with mu held.
func (m *Monitor) indexOf(s Source) int {
	return slices.IndexFunc(m.sources, func(known *source) bool { return same(known.Source, s) })
}

// same is ==, and false where that would panic.
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// maxComponents bounds what one source may tell.
const maxComponents = 1000

// askSources returns what the sources tell. What several tell of one name is one
// component: each of a thousand subscriptions may have a breaker with the same key.
func (m *Monitor) askSources() (all []Component) {
	m.mu.Lock()
	sources := slices.Clip(m.sources)
	m.mu.Unlock()
	place := map[string]int{}
	for _, s := range sources {
		told := 0
		m.guarded("a source", func() {
			for name, err := range s.Health() {
				if told++; told > maxComponents {
					break
				}
				name = cmp.Or(name, fmt.Sprintf("%T", s.Source))
				i, known := place[name]
				if !known {
					i, place[name] = len(all), len(all)
					all = append(all, Component{Name: name})
				}
				if err != nil && all[i].Err == nil {
					all[i].Err, all[i].Status = err, Warning
				}
			}
		})
	}
	return all
}
