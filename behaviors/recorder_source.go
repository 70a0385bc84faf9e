package behaviors

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
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

// watched is the sources of a Recorder.
type watched struct {
	sources []*watchedSource // replaced when one is taken out
	ignored int
	gone    map[counter]float64 // what those have counted that are watched no longer
}

type watchedSource struct {
	Source
	always bool                // by Watch
	wired  int                 // around so many handlers
	before map[counter]float64 // of what it has counted, what is in gone
	name   string              // known once there was a fault
	faults int
}

// counter is a reading that only grows.
type counter struct{ behavior, scope, name string }

// Watch has [Recorder.Snapshot] include the readings of s. To watch it twice is to
// watch it once, if its type can be compared. It panics if s is nil. A Recorder
// watches as many sources as it has room for names, see [RecorderConfig.MaxNames];
// [Snapshot.Unwatched] counts the rest. A source that panics when it is asked costs its
// own readings alone, see [Snapshot.Faults].
func (r *Recorder) Watch(s Source) {
	if s == nil {
		panic("behaviors: Recorder.Watch: the source is nil")
	}
	r.watch(&watchedSource{Source: s, always: true})
}

// wire watches s as long as it stands around handlers. It tells whether s may be a
// source that is watched, which nobody can know of what cannot be compared.
func (r *Recorder) wire(s Source) (doubtful bool) {
	r.mu.Lock()
	some := len(r.gone) > 0
	r.mu.Unlock()
	added := &watchedSource{Source: s, wired: 1}
	if some { // then s may be one of them, wired again
		added.before = added.counts()
	}
	return r.watch(added)
}

func (r *Recorder) watch(added *watchedSource) (doubtful bool) {
	unknowable := !reflect.ValueOf(added.Source).Comparable()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.sources {
		if same(known.Source, added.Source) {
			known.always, known.wired = known.always || added.always, known.wired+added.wired
			return false
		}
		doubtful = doubtful || unknowable && reflect.TypeOf(known.Source) == reflect.TypeOf(added.Source)
	}
	if len(r.sources) >= r.maxNames {
		r.ignored++
		return doubtful
	}
	for c := range added.before {
		if _, ok := r.gone[c]; !ok {
			delete(added.before, c)
		}
	}
	r.sources = append(r.sources, added)
	return doubtful
}

// unwire is the end of a wire.
func (r *Recorder) unwire(s Source) {
	counts := (&watchedSource{Source: s}).counts()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.sources, func(known *watchedSource) bool { return same(known.Source, s) })
	if i < 0 {
		return
	}
	w := r.sources[i]
	if w.wired--; w.wired > 0 || w.always {
		return
	}
	r.sources = slices.Delete(slices.Clone(r.sources), i, i+1)
	if w.faults > 0 {
		counts[counter{"recorder", w.name, "faults"}] = float64(w.faults)
	}
	for c, n := range counts {
		if _, ok := r.gone[c]; ok || n > 0 && len(r.gone) < r.maxNames {
			if r.gone == nil {
				r.gone = map[counter]float64{}
			}
			r.gone[c] += max(0, n-w.before[c])
		}
	}
}

// same is ==, and false where that would panic.
func same(a, b any) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// read gives add what s reads, and sets name to its own.
func (s *watchedSource) read(name *string, add func(Reading)) {
	if n, ok := s.Source.(mediator.BehaviorNamer); ok {
		*name = strings.ToLower(n.BehaviorName())
	}
	for reading := range s.Readings() {
		reading.Behavior = cmp.Or(reading.Behavior, *name)
		add(reading)
	}
}

// counts is what s has counted, as far as it can be asked.
func (s *watchedSource) counts() map[counter]float64 {
	var name string
	counts := map[counter]float64{}
	_ = caught.Apart(func() {
		s.read(&name, func(r Reading) {
			if !r.Gauge {
				counts[counter{r.Behavior, r.Scope, r.Name}] += r.Value
			}
		})
	})
	return counts
}

// readings asks all sources, outside of the lock. They are asked on a goroutine of
// its own, so that the caller's outlives their Goexit.
func (r *Recorder) readings() (all []Reading, faults []error, unwatched int) {
	r.mu.Lock()
	sources, unwatched, gone := slices.Clip(r.sources), r.ignored, maps.Clone(r.gone)
	r.mu.Unlock()
	for asked := 0; asked < len(sources); {
		var name string
		err := caught.Apart(func() {
			for asked < len(sources) {
				s := sources[asked]
				asked, name = asked+1, ""
				before := maps.Clone(s.before)
				s.read(&name, func(reading Reading) {
					if c := (counter{reading.Behavior, reading.Scope, reading.Name}); before[c] > 0 && !reading.Gauge {
						reading.Value = max(0, reading.Value-before[c])
						delete(before, c)
					}
					all = append(all, reading)
				})
			}
		})
		if err != nil {
			faults = append(faults, r.fault(sources[asked-1], name, err))
		}
	}
	all = append(all, r.faultReadings(sources)...)
	for _, c := range slices.SortedFunc(maps.Keys(gone), func(a, b counter) int {
		return cmp.Or(cmp.Compare(a.behavior, b.behavior), cmp.Compare(a.scope, b.scope), cmp.Compare(a.name, b.name))
	}) {
		all = append(all, Reading{Behavior: c.behavior, Scope: c.scope, Name: c.name, Value: gone[c]})
	}
	return all, faults, unwatched
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
