package behaviors

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
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
	sources []*watchedSource
	ignored int
}

type watchedSource struct {
	Source
	name   string // known once there was a fault
	faults int
}

// Watch has [Recorder.Snapshot] include the readings of s. To watch it twice is to
// watch it once, if its type can be compared. It panics if s is nil. A Recorder
// watches as many sources as it has room for names, see [RecorderConfig.MaxNames];
// [Snapshot.Unwatched] counts the rest. A source that panics when it is asked costs its
// own readings alone, see [Snapshot.Faults].
//
// What is watched stays watched, also what stood around a subscription of
// [mediator.Listen] that has stopped. So where subscriptions come and go, give them one
// behavior that is a Source, such as a Breaker, and not each its own.
func (r *Recorder) Watch(s Source) {
	if s == nil {
		panic("behaviors: Recorder.Watch: the source is nil")
	}
	r.watch(s)
}

// watch is Watch. It tells whether s may be a source that is watched, which nobody
// can know of what cannot be compared.
func (r *Recorder) watch(s Source) (doubtful bool) {
	unknowable := !reflect.ValueOf(s).Comparable()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.sources {
		if same(known.Source, s) {
			return false
		}
		doubtful = doubtful || unknowable && reflect.TypeOf(known.Source) == reflect.TypeOf(s)
	}
	if len(r.sources) >= r.maxNames {
		r.ignored++
		return doubtful
	}
	r.sources = append(r.sources, &watchedSource{Source: s})
	return doubtful
}

// same is ==, and false where that would panic.
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// readings asks all sources, outside of the lock. They are asked on a goroutine of
// its own, so that the caller's outlives their Goexit.
func (r *Recorder) readings() (all []Reading, faults []error, unwatched int) {
	r.mu.Lock()
	sources, unwatched := slices.Clip(r.sources), r.ignored
	r.mu.Unlock()
	for asked := 0; asked < len(sources); {
		var name string
		err := caught.Apart(func() {
			for asked < len(sources) {
				s := sources[asked].Source
				asked, name = asked+1, ""
				if n, ok := s.(mediator.BehaviorNamer); ok {
					name = strings.ToLower(n.BehaviorName())
				}
				for reading := range s.Readings() {
					if reading.Behavior == "" {
						reading.Behavior = name
					}
					all = append(all, reading)
				}
			}
		})
		if err != nil {
			faults = append(faults, r.fault(sources[asked-1], name, err))
		}
	}
	return append(all, r.faultReadings(sources)...), faults, unwatched
}

// fault counts that s could not be asked to the end.
func (r *Recorder) fault(s *watchedSource, name string, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.name = cmp.Or(name, s.name, fmt.Sprintf("%T", s.Source))
	s.faults++
	return fmt.Errorf("the source %s: %w", s.name, err)
}

// faultReadings is how often each of the sources could not be asked to the end.
func (r *Recorder) faultReadings(sources []*watchedSource) (all []Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range sources {
		if s.faults > 0 {
			all = append(all, Reading{Behavior: "recorder", Scope: s.name, Name: "faults", Value: float64(s.faults)})
		}
	}
	return all
}
