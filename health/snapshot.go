package health

import (
	"cmp"
	"slices"
)

// Snapshot returns what the Monitor knows now. The figures are of now, status and
// findings of the latest look. Its cost grows with the streams; it does not
// disturb them.
func (m *Monitor) Snapshot() Report {
	c := readClock()
	r, _ := m.build(c, false)
	m.mu.Lock()
	r.Ended, r.Adjustments, r.Adjusted = m.ended.since(0), m.adjustments.since(0), m.adjustments.count
	m.mu.Unlock()
	for _, l := range m.lanes {
		r.Skipped += l.skippedSoFar()
	}
	return r
}

// build is a Report but for what happened. anew begins another period for the rates
// of queues. The runs are those of r.Streams.
func (m *Monitor) build(c clock, anew bool) (Report, []*run) {
	v := m.collect()
	slices.SortFunc(v.runs, func(a, b *run) int { return cmp.Compare(a.id, b.id) })
	r := Report{Time: c.now, Ready: m.isReady(), Memory: m.memory.Load()}
	r.PeakMemory = max(m.peak.Load(), r.Memory)
	r.Streams, r.Totals = make([]Stream, 0, len(v.runs)), make([]Totals, 0, len(v.tallies))
	var running []*run
	for _, one := range v.runs {
		place := one.tally.place
		one.mu.Lock()
		over := one.over
		var queues []Queue
		if !over {
			queues = one.queues.report(c.nanos, anew)
			one.queues.count(one.call.QueueCounts())
		}
		s := one.report(c, &m.c)
		one.mu.Unlock()
		s.Queues = queues
		for _, q := range queues {
			s.Depth += q.Depth
		}
		v.items[place] += s.Items
		if over {
			continue
		}
		m.askOwners(s.Queues)
		if s.Has(Stalled) {
			v.stalled[place]++
		}
		v.crowds[place].add(s.Status)
		r.Status = max(r.Status, min(s.Status, Warning))
		r.Streams = append(r.Streams, s)
		running = append(running, one)
	}
	for i, t := range v.tallies {
		totals := t.report(c.nanos, v.items[i], v.stalled[i], &m.c)
		totals.Status = max(totals.Status, v.crowds[i].status(m.c.MaxUnhealthy))
		r.Status = max(r.Status, totals.Status)
		r.Totals = append(r.Totals, totals)
	}
	r.Components = m.components()
	r.Status = max(r.Status, worstOf(r.Components))
	r.Panics = m.panics.Load()
	return r, running
}

// status is the Status of a Snapshot, without its cost: probes come often, and most of
// them ask for no more.
func (m *Monitor) status() Status {
	s, _ := m.statuses()
	return s
}

// statuses is status and how many of the running streams have each.
func (m *Monitor) statuses() (s Status, streams [Failed + 1]int) {
	m.mu.Lock()
	runs, tallies := slices.Clone(m.runs), slices.Clip(m.tallies)
	m.mu.Unlock()
	crowds := make([]crowd, len(tallies))
	for _, r := range runs {
		r.mu.Lock()
		if !r.over {
			s = max(s, min(r.health.status, Warning))
			streams[r.health.status]++
			crowds[r.tally.place].add(r.health.status)
		}
		r.mu.Unlock()
	}
	for i, t := range tallies {
		t.mu.Lock()
		s = max(s, t.health.status, crowds[i].status(m.c.MaxUnhealthy))
		t.mu.Unlock()
	}
	return max(s, worstOf(m.components())), streams
}

// components is what the checks found last and what the sources tell.
func (m *Monitor) components() []Component {
	return append(m.checks.components(), m.askSources()...)
}

func worstOf(components []Component) (s Status) {
	for _, c := range components {
		s = max(s, c.Status)
	}
	return s
}

// report adjusts the streams and tells the reporters, every Interval. It is part
// of a look.
func (m *Monitor) report() {
	c := readClock()
	r, runs := m.build(c, true)
	taken := []Adjustment{}
	for i, one := range runs {
		taken = append(taken, m.adjust(one, &r.Streams[i], c)...)
	}
	m.mu.Lock()
	for _, a := range taken {
		m.adjustments.add(a)
	}
	r.Adjustments, r.Adjusted = append(m.looking.lifted, taken...), m.adjustments.count
	m.looking.lifted = []Adjustment{}
	r.Ended = m.ended.since(m.reported.ended)
	m.reported.ended = m.ended.count
	m.mu.Unlock()
	var activity, inFlight uint64
	for _, t := range r.Totals {
		activity += t.Started + t.Items + t.InFlight
		inFlight += t.InFlight
	}
	if inFlight == 0 && len(r.Ended) == 0 && activity == m.reported.activity {
		return // nothing has happened
	}
	m.reported.activity = activity
	if len(r.Adjustments) > 0 {
		m.notices.send(r)
	}
	for _, l := range m.lanes {
		l.send(r)
	}
}
