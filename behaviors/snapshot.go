package behaviors

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
)

// Snapshot is what a [Recorder] knows at one moment. It does not change.
//
// The figures of a message fit together: what has begun is what has ended and
// what is in flight, and each call that has ended is in the histogram of one
// [Ending]. None of them falls from one snapshot to the next, but for what is in
// flight.
type Snapshot struct {
	Time    time.Time      // when it was taken
	Elapsed time.Duration  // since NewRecorder, or since the earlier Snapshot of Sub
	Entries []MessageStats // by name, kind and handler; the one for OtherName, if there is one, is the last

	// Readings are those of the sources that are watched, see [Recorder.Watch].
	Readings []Reading
	// Unwatched counts the times that Watch found no room for a source.
	Unwatched int
	// Faults is why sources gave no readings this time, or not all: what each has
	// panicked with, a [*mediator.PanicError], or [mediator.ErrGoexit]. How often a
	// source did so is a reading: "faults" of the behavior "recorder", with the
	// source's name as its scope.
	Faults []error
}

// MessageStats is the figures of one message at the time of a [Snapshot]: of a
// request, of a stream, or of one subscriber's handling of a notification.
type MessageStats struct {
	Name    string
	Kind    mediator.Kind
	Handler string // the subscriber's group, see [mediator.Group]
	Started uint64 // calls that have begun
	// InFlight is the calls that have begun and not ended.
	InFlight uint64
	// Items is the items that streams have delivered, those of streams in flight
	// included.
	Items uint64

	elapsed time.Duration
	latency [endingCount]Histogram
}

// Snapshot returns the present figures. It does not disturb the calls in
// progress. Its cost grows with the messages; it is a few microseconds for one.
func (r *Recorder) Snapshot() Snapshot {
	s := Snapshot{Time: time.Now()}
	s.Elapsed = s.Time.Sub(r.born)
	known := *r.byKey.Load()
	s.Entries = make([]MessageStats, 0, len(known)+1)
	for key, stats := range known {
		s.Entries = append(s.Entries, stats.snapshot(key, s.Elapsed))
	}
	slices.SortFunc(s.Entries, func(a, b MessageStats) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Handler, b.Handler))
	})
	if other := r.other.snapshot(statsKey{name: OtherName}, s.Elapsed); other.Started > 0 {
		s.Entries = append(s.Entries, other)
	}
	s.Readings, s.Faults, s.Unwatched = r.readings()
	return s
}

// snapshot reads the ends and then the begins, which so are never fewer. What
// begins between the two looks as if it were in flight; if that is much, because
// the goroutine was interrupted, another look is worth it.
func (s *stats) snapshot(key statsKey, elapsed time.Duration) MessageStats {
	const looks = 4
	var best MessageStats
	for least, i := uint64(math.MaxUint64), 0; i < looks && least > 0; i++ {
		before := s.started.Load()
		m := MessageStats{Name: key.name, Kind: key.kind, Handler: key.handler, elapsed: elapsed}
		m.latency[Succeeded] = s.succeeded.snapshot()
		for e := range s.ended {
			if l := s.ended[e].Load(); l != nil {
				m.latency[e] = l.snapshot()
			}
		}
		m.Started = s.started.Load()
		if between := m.Started - before; between < least {
			least, best = between, m
		}
	}
	best.InFlight = best.Started - best.Ended()
	for i := range s.lanes {
		best.Items += s.lanes[i].items.Load()
	}
	return best
}

// Ended returns the number of calls that have ended, in any way.
func (m MessageStats) Ended() uint64 {
	var n uint64
	for _, h := range m.latency {
		n += h.Count()
	}
	return n
}

// Count returns the number of calls ended that way.
func (m MessageStats) Count(e Ending) uint64 { return m.LatencyOf(e).Count() }

// Latency returns how long the calls took that have ended; for streams, how long
// they ran.
func (m MessageStats) Latency() Histogram {
	var all Histogram
	for _, h := range m.latency {
		all = all.Add(h)
	}
	return all
}

// LatencyOf returns how long the calls took that ended that way.
func (m MessageStats) LatencyOf(e Ending) Histogram {
	if int(e) >= endingCount {
		return Histogram{}
	}
	return m.latency[e]
}

// Rate returns how many calls ended per second of [Snapshot.Elapsed], ItemRate how
// many items were delivered: use [Snapshot.Sub] for the present rate.
func (m MessageStats) Rate() float64 { return perSecond(m.Ended(), m.elapsed) }

// ItemRate returns how many items were delivered per second, see
// [MessageStats.Rate].
func (m MessageStats) ItemRate() float64 { return perSecond(m.Items, m.elapsed) }

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// Message returns the figures of all entries with the name, added up: those of a
// notification's subscribers. They are zero if there is none. Kind is that of the
// first entry, Handler is empty if they differ.
func (s Snapshot) Message(name string) MessageStats {
	return s.sum(name, func(m MessageStats) bool { return m.Name == name })
}

// Total returns the figures of all entries, added up, without a name.
func (s Snapshot) Total() MessageStats {
	return s.sum("", func(MessageStats) bool { return true })
}

func (s Snapshot) sum(name string, include func(MessageStats) bool) MessageStats {
	total, first := MessageStats{Name: name, elapsed: s.Elapsed}, true
	for _, m := range s.Entries {
		if !include(m) {
			continue
		}
		if first {
			total.Kind, total.Handler, first = m.Kind, m.Handler, false
		}
		if total.Handler != m.Handler {
			total.Handler = ""
		}
		total.Started += m.Started
		total.InFlight += m.InFlight
		total.Items += m.Items
		for e := range total.latency {
			total.latency[e] = total.latency[e].Add(m.latency[e])
		}
	}
	if name == "" {
		total.Kind, total.Handler = 0, ""
	}
	return total
}

// Sub returns what happened since earlier, a Snapshot of the same Recorder. What
// is in flight stays what it is now, and so do the readings that may fall, and the
// faults.
func (s Snapshot) Sub(earlier Snapshot) Snapshot {
	d := Snapshot{Time: s.Time, Elapsed: s.Time.Sub(earlier.Time), Unwatched: s.Unwatched - earlier.Unwatched, Faults: s.Faults}
	before := map[statsKey]MessageStats{}
	for _, m := range earlier.Entries {
		before[m.key()] = m
	}
	for _, m := range s.Entries {
		was := before[m.key()]
		m.elapsed = d.Elapsed
		m.Started -= min(was.Started, m.Started)
		m.Items -= min(was.Items, m.Items)
		for e := range m.latency {
			m.latency[e] = m.latency[e].Sub(was.latency[e])
		}
		d.Entries = append(d.Entries, m)
	}
	type scope struct{ behavior, scope, name string }
	read := map[scope]float64{}
	for _, r := range earlier.Readings {
		read[scope{r.Behavior, r.Scope, r.Name}] += r.Value
	}
	for _, r := range s.Readings {
		if at := (scope{r.Behavior, r.Scope, r.Name}); !r.Gauge {
			was := min(read[at], r.Value)
			r.Value -= was
			read[at] -= was
		}
		d.Readings = append(d.Readings, r)
	}
	return d
}

func (m MessageStats) key() statsKey { return statsKey{m.Name, m.Handler, m.Kind} }

// MarshalJSON gives the figures with the counts by ending and the latencies in
// seconds.
func (m MessageStats) MarshalJSON() ([]byte, error) {
	endings := map[string]uint64{}
	for e := range m.latency {
		if n := m.latency[e].Count(); n > 0 {
			endings[Ending(e).String()] = n
		}
	}
	kind := ""
	if m.Kind != 0 {
		kind = m.Kind.String()
	}
	return json.Marshal(struct {
		Name     string            `json:"name"`
		Kind     string            `json:"kind,omitempty"`
		Handler  string            `json:"handler,omitempty"`
		Started  uint64            `json:"started"`
		InFlight uint64            `json:"in_flight"`
		Outcomes map[string]uint64 `json:"outcomes"`
		Rate     float64           `json:"rate"`
		Items    uint64            `json:"items,omitempty"`
		ItemRate float64           `json:"item_rate,omitempty"`
		Latency  Histogram         `json:"latency"`
	}{m.Name, kind, m.Handler, m.Started, m.InFlight, endings, m.Rate(), m.Items, m.ItemRate(), m.Latency()})
}
