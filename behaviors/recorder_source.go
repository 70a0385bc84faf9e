package behaviors

import (
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/fsmediator/mediator"
)

// Source is [mediator.Source]: what has figures of its own. One that is a behavior
// and stands around a handler together with a Recorder is watched without further
// ado. For anything else there is [Recorder.Watch].
type Source = mediator.Source

// Reading is [mediator.Reading], one figure of a [Source].
type Reading = mediator.Reading

// Readings gives each breaker's state, and how often it has changed and rejected a
// call; it makes a Breaker a [Source].
func (b *Breaker) Readings() iter.Seq[Reading] {
	return func(yield func(Reading) bool) {
		for _, s := range b.Snapshot() {
			if !yield(Reading{Scope: s.Key, Name: "state", Value: float64(s.State), State: s.State.String(), Gauge: true}) ||
				!yield(Reading{Scope: s.Key, Name: "changes", Value: float64(s.Changes)}) ||
				!yield(Reading{Scope: s.Key, Name: "rejections", Value: float64(s.Rejected)}) {
				return
			}
		}
	}
}

// unwrapped is the behavior inside of what stands for it, such as a [When].
func unwrapped(b mediator.Behavior) mediator.Behavior {
	for {
		w, ok := b.(interface{ Unwrap() mediator.Behavior })
		if !ok {
			return b
		}
		b = w.Unwrap()
	}
}

// watched is the sources of a Recorder.
type watched struct {
	sources []Source
	ignored int
}

// Watch has [Recorder.Snapshot] include the readings of s. To watch it twice is to
// watch it once. It panics if s is nil. A Recorder watches as many sources as it
// has room for names, see [RecorderConfig.MaxNames]; [Snapshot.Unwatched] counts
// the rest.
func (r *Recorder) Watch(s Source) {
	if s == nil {
		panic("behaviors: Recorder.Watch: the source is nil")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.sources {
		if same(known, s) {
			return
		}
	}
	if len(r.sources) >= r.maxNames {
		r.ignored++
		return
	}
	r.sources = append(r.sources, s)
}

// same is ==, and false where that would panic.
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// readings asks all sources, outside of the lock.
func (r *Recorder) readings() (all []Reading, unwatched int) {
	r.mu.Lock()
	sources, unwatched := slices.Clip(r.sources), r.ignored
	r.mu.Unlock()
	for _, s := range sources {
		for reading := range s.Readings() {
			if n, ok := s.(mediator.BehaviorNamer); ok && reading.Behavior == "" {
				reading.Behavior = strings.ToLower(n.BehaviorName())
			}
			all = append(all, reading)
		}
	}
	return all, unwatched
}
