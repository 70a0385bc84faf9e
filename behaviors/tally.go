package behaviors

import (
	"iter"
	"maps"
	"slices"
	"sync"
)

// maxTallied bounds the names of a tally, as [RecorderConfig.MaxNames] does those
// of a Recorder.
const maxTallied = 1000

// tally counts what is rare, by message name. The zero tally is empty.
type tally struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]uint64{}
	}
	if _, ok := t.counts[name]; !ok && len(t.counts) >= maxTallied {
		name = OtherName
	}
	t.counts[name]++
}

// readings gives the counts, each with the name of what is counted.
func (t *tally) readings(what string) iter.Seq[Reading] {
	t.mu.Lock()
	counts := maps.Clone(t.counts)
	t.mu.Unlock()
	return func(yield func(Reading) bool) {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			if !yield(Reading{Scope: name, Name: what, Value: float64(counts[name])}) {
				return
			}
		}
	}
}
