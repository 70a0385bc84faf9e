// Package tally counts what is rare, for the readings of behaviors.
package tally

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/fsmediator/mediator"
)

const (
	// Max bounds the names of a Tally.
	Max = 1000
	// Other is the name that those beyond Max are counted as.
	Other = "other"
)

// Tally counts by name. The zero Tally is empty. It is safe for concurrent use.
type Tally struct {
	mu     sync.Mutex
	counts map[string]uint64
}

// Add counts one more of name.
func (t *Tally) Add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]uint64{}
	}
	if _, ok := t.counts[name]; !ok && len(t.counts) >= Max {
		name = Other
	}
	t.counts[name]++
}

// Readings gives the counts as they are now, sorted by name, which is the scope;
// what says what is counted.
func (t *Tally) Readings(what string) iter.Seq[mediator.Reading] {
	return func(yield func(mediator.Reading) bool) {
		t.mu.Lock()
		counts := maps.Clone(t.counts)
		t.mu.Unlock()
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			if !yield(mediator.Reading{Scope: name, Name: what, Value: float64(counts[name])}) {
				return
			}
		}
	}
}
