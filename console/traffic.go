package console

import (
	"math"
	"reflect"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

// figures is how a handler is doing.
type figures struct {
	// Per second, since the sample before; not set in the first.
	Rate   *float64 `json:"rate,omitempty"`
	Errors *float64 `json:"errors,omitempty"`
	Items  *float64 `json:"items,omitempty"`
	// In nanoseconds, of the calls that ended since the sample before, in the first
	// of all; not set if there were none.
	P50 *int64 `json:"p50,omitempty"`
	P99 *int64 `json:"p99,omitempty"`

	InFlight uint64 `json:"inFlight"`
	// All that the Recorder has counted.
	Calls      uint64            `json:"calls"`
	Failed     uint64            `json:"failed"`
	ItemsTotal uint64            `json:"itemsTotal,omitempty"`
	Endings    map[string]uint64 `json:"endings,omitempty"`
}

// isFailure tells the endings that a page counts as errors. An answer of the business
// is none.
func isFailure(e behaviors.Ending) bool {
	switch e {
	case behaviors.Succeeded, behaviors.Stopped, behaviors.Canceled, behaviors.Declined:
		return false
	}
	return true
}

// recorded is what one Recorder has to tell.
type recorded struct {
	now, since behaviors.Snapshot
	first      bool
	claimed    []bool // by entry: it belongs to a route
}

type entryKey struct {
	kind        mediator.Kind
	name, group string
}

func record(r *behaviors.Recorder, before behaviors.Snapshot, first bool) *recorded {
	rec := &recorded{now: r.Snapshot(), first: first}
	rec.since, rec.claimed = rec.now.Sub(before), make([]bool, len(rec.now.Entries))
	return rec
}

// traffic takes the figures of all routes.
func (s *sampler) traffic(routes []mediator.Route, out *sample) {
	all := map[*behaviors.Recorder]*recorded{}
	after := map[*behaviors.Recorder]behaviors.Snapshot{}
	of := make([]*recorded, len(routes))
	for i, route := range routes {
		r := recorderOf(route, s.recorder)
		if r == nil {
			continue
		}
		rec, ok := all[r]
		if !ok {
			before, known := s.before[r]
			rec = record(r, before, !known)
			all[r], after[r] = rec, rec.now
			for _, fault := range rec.now.Faults {
				s.problem["Recorder: "+fault.Error()] = struct{}{}
			}
		}
		of[i] = rec
	}
	named := indexOf(routes)
	for _, rec := range all {
		rec.share(routes, of, named, out.Routes)
	}
	s.before = after
	var rest, total figuresSum
	for _, rec := range all {
		for i := range rec.now.Entries {
			total.add(rec, i)
			if !rec.claimed[i] {
				rest.add(rec, i)
			}
		}
	}
	out.Total, out.Rest = total.figures(), rest.figures()
	if out.Total == nil && len(after) > 0 {
		out.Total = &figures{Rate: perSecond(0, 1, out.First), Errors: perSecond(0, 1, out.First)}
	}
}

// indexed finds routes.
type indexed struct {
	exact      map[entryKey]int
	interfaces map[string][]int        // the subscribers to one, by group
	types      map[string]reflect.Type // of notifications, by name
}

func indexOf(routes []mediator.Route) indexed {
	found := indexed{map[entryKey]int{}, map[string][]int{}, map[string]reflect.Type{}}
	for i, route := range routes {
		found.exact[entryKey{route.Kind, route.Name, route.Group}] = i
		switch {
		case route.Kind != mediator.KindNotification:
		case route.Message.Kind() == reflect.Interface:
			found.interfaces[route.Group] = append(found.interfaces[route.Group], i)
		default:
			found.types[route.Name] = route.Message
		}
	}
	return found
}

// share gives the routes of the Recorder their figures. What a subscriber to an
// interface gets has the names of the types that were published: where several of one
// group may have gotten it, nobody knows which of them did, and they have no figures.
func (rec *recorded) share(routes []mediator.Route, of []*recorded, named indexed, to []*figures) {
	entries, unknown := map[int][]int{}, map[int]bool{}
	for entry, e := range rec.now.Entries {
		switch may := rec.candidates(e, routes, of, named); len(may) {
		case 0:
		case 1:
			entries[may[0]] = append(entries[may[0]], entry)
		default:
			for _, i := range may {
				unknown[i] = true
			}
		}
	}
	for i := range routes {
		if of[i] != rec || unknown[i] {
			continue
		}
		var sum figuresSum
		for _, entry := range entries[i] {
			sum.add(rec, entry)
			rec.claimed[entry] = true
		}
		if to[i] = sum.figures(); to[i] == nil {
			to[i] = &figures{Rate: perSecond(0, 1, rec.first), Errors: perSecond(0, 1, rec.first)}
		}
	}
}

// candidates are the routes that may have gotten what the entry counts.
func (rec *recorded) candidates(e behaviors.MessageStats, routes []mediator.Route, of []*recorded, named indexed) (found []int) {
	if i, ok := named.exact[entryKey{e.Kind, e.Name, e.Handler}]; ok {
		if of[i] == rec {
			found = append(found, i)
		}
		return found
	}
	if e.Kind != mediator.KindNotification {
		return nil
	}
	t := named.types[e.Name] // nil if only interfaces are subscribed to
	for _, i := range named.interfaces[e.Handler] {
		if of[i] == rec && (t == nil || t.Implements(routes[i].Message)) {
			found = append(found, i)
		}
	}
	return found
}

// figuresSum adds up figures.
type figuresSum struct {
	entries               int
	first                 bool
	seconds               float64
	calls, errors, items  uint64 // since the sample before
	latency               behaviors.Histogram
	inFlight, ended, many uint64 // in all
	failed                uint64
	endings               map[string]uint64
}

// add adds the entry i.
func (sum *figuresSum) add(rec *recorded, i int) {
	now, since := rec.now.Entries[i], rec.since.Entries[i]
	sum.entries++
	sum.first = sum.first || rec.first
	sum.seconds = rec.since.Elapsed.Seconds()
	sum.inFlight += now.InFlight
	sum.many += now.Items
	sum.items += since.Items
	sum.latency = sum.latency.Add(since.Latency())
	if sum.endings == nil {
		sum.endings = map[string]uint64{}
	}
	for _, e := range behaviors.Endings() {
		n, recently := now.Count(e), since.Count(e)
		if n == 0 {
			continue
		}
		sum.endings[e.String()] += n
		sum.ended += n
		sum.calls += recently
		if isFailure(e) {
			sum.failed += n
			sum.errors += recently
		}
	}
}

// figures returns the sum, nil of nothing.
func (sum *figuresSum) figures() *figures {
	if sum.entries == 0 {
		return nil
	}
	f := &figures{
		Rate: perSecond(sum.calls, sum.seconds, sum.first), Errors: perSecond(sum.errors, sum.seconds, sum.first),
		InFlight: sum.inFlight, Calls: sum.ended, Failed: sum.failed, ItemsTotal: sum.many, Endings: sum.endings,
	}
	if sum.many > 0 {
		f.Items = perSecond(sum.items, sum.seconds, sum.first)
	}
	if sum.calls > 0 {
		p50, p99 := int64(sum.latency.Quantile(0.5)), int64(sum.latency.Quantile(0.99))
		f.P50, f.P99 = &p50, &p99
	}
	return f
}

// perSecond is n a second, to the hundredth; nil if it is not known yet.
func perSecond(n uint64, seconds float64, first bool) *float64 {
	if first || seconds <= 0 {
		return nil
	}
	r := math.Round(float64(n)/seconds*100) / 100
	return &r
}
