package console

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/health"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// streamsView is the streams that run, and what is watched beside them.
type streamsView struct {
	Running    []streamView    `json:"running"`
	More       int             `json:"more,omitempty"` // that are not shown
	Status     string          `json:"status,omitempty"`
	Components []componentView `json:"components,omitempty"`
}

// streamView is one run of a stream, as a Monitor or a boundary sees it.
type streamView struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Status   string   `json:"status,omitempty"` // "" if no Monitor watches it
	Findings []string `json:"findings,omitempty"`
	Started  int64    `json:"started,omitempty"` // milliseconds since 1970
	Items    uint64   `json:"items"`
	Rate     *float64 `json:"rate,omitempty"`
	Queued   bool     `json:"queued"` // it goes through a queue
	Depth    int      `json:"depth"`
	Capacity int      `json:"capacity"`
	Dropped  uint64   `json:"dropped"`
	Skipped  uint64   `json:"skipped"` // sampled out
	Pressure bool     `json:"pressure,omitempty"`
}

type componentView struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// monitorsIn returns the monitors around the handlers.
func monitorsIn(routes []mediator.Route) (found []*health.Monitor) {
	for _, r := range routes {
		for _, b := range r.Behaviors {
			if m, ok := unwrap.Innermost(b).(*health.Monitor); ok && !slices.Contains(found, m) {
				found = append(found, m)
			}
		}
	}
	return found
}

// streams asks the monitors, and about streams that none of them watches the boundaries.
func (s *sampler) streams(routes []mediator.Route, out *sample) {
	monitors := monitorsIn(routes)
	if s.monitor != nil {
		monitors = []*health.Monitor{s.monitor}
	}
	v := &out.Streams
	worst := health.Healthy
	for i, m := range monitors {
		s.guard("a component of the health monitor", func() {
			report := m.Snapshot()
			worst = max(worst, report.Status)
			for _, one := range report.Streams {
				v.Running = append(v.Running, watchedView(i, one))
			}
			for _, one := range report.Components {
				c := componentView{Name: one.Name, Status: one.Status.String()}
				if one.Err != nil {
					c.Error = one.Err.Error()
				}
				v.Components = append(v.Components, c)
			}
		})
	}
	if len(monitors) > 0 {
		v.Status = worst.String()
	}
	v.Running = append(v.Running, s.boundaries(routes)...)
	if len(v.Running) > maxStreams {
		// Those that are not well first, and of them those with the fullest queues.
		slices.SortStableFunc(v.Running, func(a, b streamView) int {
			return cmp.Or(cmp.Compare(len(b.Findings), len(a.Findings)), cmp.Compare(b.Depth, a.Depth))
		})
		v.More = len(v.Running) - maxStreams
		v.Running = v.Running[:maxStreams]
	}
	if len(v.Components) > maxStreams {
		v.Components = v.Components[:maxStreams]
	}
}

func watchedView(monitor int, s health.Stream) streamView {
	rate := s.Rate
	v := streamView{
		ID: strconv.Itoa(monitor) + "." + strconv.FormatUint(s.ID, 10), Name: s.Name, Status: s.Status.String(),
		Started: s.Started.UnixMilli(), Items: s.Items, Rate: &rate, Queued: len(s.Queues) > 0, Depth: s.Depth, Dropped: s.Dropped, Skipped: s.Skipped,
	}
	for _, f := range s.Findings {
		v.Findings = append(v.Findings, f.String())
	}
	for _, q := range s.Queues {
		v.Capacity += q.Capacity
		v.Pressure = v.Pressure || q.Pressure
	}
	return v
}

// passed is what the runs of a boundary had delivered at some time.
type passed struct {
	at      time.Time
	started uint64
	items   []uint64
}

// boundaries shows the runs of package backpressure around streams that no Monitor
// watches.
func (s *sampler) boundaries(routes []mediator.Route) (shown []streamView) {
	now := map[*backpressure.Control]passed{}
	snapshots := map[*backpressure.Control]backpressure.Snapshot{}
	defer func() { s.passed = now }()
	for _, r := range routes {
		if r.Kind != mediator.KindStream || s.monitor == nil && outermost[*health.Monitor](r) != nil {
			continue
		}
		for _, b := range r.Behaviors {
			k := backpressure.Of(b)
			if k == nil {
				continue
			}
			snapshot, ok := snapshots[k]
			if !ok {
				snapshot = k.Snapshot()
				snapshots[k], now[k] = snapshot, delivered(snapshot)
			}
			shown = append(shown, runsOf(r.Name, s.known.id(k), snapshot, s.passed[k], now[k])...)
		}
	}
	return shown
}

func delivered(s backpressure.Snapshot) passed {
	p := passed{at: time.Now(), started: s.Started}
	for _, run := range s.Runs {
		p.items = append(p.items, run.Delivered)
	}
	return p
}

// runsOf shows the runs of one stream. A run has no name of its own, so that their
// rates are known only while none of them begins or ends.
func runsOf(name, boundary string, s backpressure.Snapshot, before, now passed) (shown []streamView) {
	for i, run := range s.Runs {
		if run.Name != name {
			continue
		}
		v := streamView{ID: boundary + "." + strconv.Itoa(i), Name: run.Name, Items: run.Delivered, Queued: true,
			Depth: run.Queued, Capacity: run.Capacity, Dropped: run.Dropped, Skipped: run.SampledOut, Pressure: run.Pressure}
		if before.started == now.started && len(before.items) == len(now.items) {
			v.Rate = perSecond(now.items[i]-before.items[i], now.at.Sub(before.at).Seconds(), false)
		}
		shown = append(shown, v)
	}
	return shown
}
