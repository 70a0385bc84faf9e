package backpressure

import (
	"iter"
	"maps"
	"slices"

	"github.com/fsmediator/mediator"
)

// Readings gives for each message what has become of the items of its streams, and
// how many are queued; it makes a Control a [mediator.Source], which a Recorder
// around the same handlers watches.
func (k *Control) Readings() iter.Seq[mediator.Reading] {
	return func(yield func(mediator.Reading) bool) {
		counts := k.byName()
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			c := counts[name]
			for _, r := range []mediator.Reading{
				{Name: "items", Value: float64(c.Produced)},
				{Name: "deliveries", Value: float64(c.Delivered)},
				{Name: "drops", Value: float64(c.Dropped)},
				{Name: "samplings", Value: float64(c.SampledOut)},
				{Name: "abandonments", Value: float64(c.Abandoned)},
				{Name: "depth", Value: float64(c.Queued), Gauge: true},
			} {
				r.Scope = name
				if !yield(r) {
					return
				}
			}
		}
	}
}

// byName returns the counts of all runs since the beginning.
func (k *Control) byName() map[string]Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	counts := maps.Clone(k.ended)
	for r := range k.runs {
		counts[r.name] = counts[r.name].plus(r.Counts())
	}
	return counts
}
