package health

import (
	"iter"

	"github.com/fsmediator/mediator"
)

// Readings gives the [Status] of a [Monitor.Snapshot] and, with each status as the
// scope, how many of the running streams have it; it makes a Monitor a
// [mediator.Source], which a Recorder around the same handlers watches.
func (m *Monitor) Readings() iter.Seq[mediator.Reading] {
	return func(yield func(mediator.Reading) bool) {
		s, streams := m.statuses()
		if !yield(mediator.Reading{Name: "status", Value: float64(s), State: s.String(), Gauge: true}) {
			return
		}
		for status, n := range streams {
			if !yield(mediator.Reading{Scope: Status(status).String(), Name: "streams", Value: float64(n), Gauge: true}) {
				return
			}
		}
	}
}
