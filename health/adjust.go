package health

import "slices"

// adjusting is what was done to a run, under its mu.
type adjusting struct {
	count, interrupts uint64
	interrupted       int64 // when last, valid if there are interrupts
	itemsThen         uint64
	vain              int // interrupts in a row that no item came after

	active bool // something is to be undone
	calm   int  // Intervals in a row
	hold   int  // calm Intervals that an undo takes
	undone bool // the adjustments were, within the last hold Intervals
	since  int  // Intervals since they were
}

const maxHold = 32 // times Config.Relax

// adjust asks the policies about a stream that was just reported, and does what
// they say.
func (m *Monitor) adjust(r *run, s *Stream, c clock) (taken []Adjustment) {
	for _, p := range m.c.Policies {
		var asked []Adjustment
		m.guarded("a policy", func() { asked = p.Adjust(*s) })
		for _, a := range asked {
			if m.do(r, s, &a, c) {
				taken = append(taken, a)
			}
		}
	}
	settings := slices.ContainsFunc(taken, func(a Adjustment) bool { return a.Action != Interrupt && !a.brief() })
	for _, a := range m.relax(r, s, settings) {
		if m.do(r, s, &a, c) {
			taken = append(taken, a)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.adjusting.count += uint64(len(taken))
	s.Adjusted, s.Interrupts = r.adjusting.count, r.adjusting.interrupts
	return taken
}

// relax tells what to undo.
func (m *Monitor) relax(r *run, s *Stream, adjusted bool) []Adjustment {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &r.adjusting
	a.hold = max(a.hold, m.c.Relax)
	if a.undone {
		if a.since++; a.since > a.hold {
			a.undone, a.hold = false, m.c.Relax
		}
	}
	switch {
	case adjusted:
		if a.undone {
			a.undone, a.hold = false, min(2*a.hold, maxHold*m.c.Relax)
		}
		a.active, a.calm = true, 0
		return nil
	case !a.active:
		return nil
	case !isCalm(s):
		a.calm = 0
		return nil
	}
	if a.calm++; a.calm < a.hold {
		return nil
	}
	a.active, a.undone, a.since, a.calm = false, true, 0, 0
	return r.queues.undo(s)
}

func isCalm(s *Stream) bool {
	return !slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Reason != LowThroughput && f.Reason != Degradation }) &&
		!slices.ContainsFunc(s.Queues, func(q Queue) bool { return q.Pressure })
}

// undo is the adjustments that bring back what was configured.
func (s *queues) undo(reported *Stream) (all []Adjustment) {
	for i, q := range reported.Queues {
		one := s.find(q)
		if one == nil {
			continue
		}
		for action, to := range [...]float64{
			SetCapacity: float64(one.configured.Capacity), SetPace: one.configured.Pace, SetSample: float64(one.configured.Sample),
		} {
			if one.changed[action] && (!one.brief || Action(action) != SetPace) {
				one.changed[action] = false
				all = append(all, Adjustment{Action: Action(action), Queue: i, To: to, Why: "the stream is calm", Undo: true})
			}
		}
	}
	return all
}

// brief tells whether it is a pace for as long as there is something queued.
func (a *Adjustment) brief() bool { return a.Action == SetPace && a.WhileQueued }

// lift undoes the paces that were set for as long as there was something queued, where
// there is little left. It is done at each look.
func (m *Monitor) lift(r *run, at int64) {
	c := readClock()
	r.mu.Lock()
	s := Stream{ID: r.id, Name: r.tally.key.name, Queues: r.queues.report(at, false)}
	undo := []Adjustment{}
	for i, one := range r.queues.here {
		if one.brief && one.low(s.Queues[i].Depth) {
			one.brief, one.changed[SetPace] = false, false
			undo = append(undo, Adjustment{Action: SetPace, Queue: i, To: one.configured.Pace, Why: "the stream is calm", Undo: true})
		}
	}
	r.mu.Unlock()
	m.askOwners(s.Queues)
	for _, a := range undo {
		if !m.do(r, &s, &a, c) {
			continue
		}
		r.mu.Lock()
		r.adjusting.count++
		r.mu.Unlock()
		m.looking.lifted = append(m.looking.lifted, a)
		m.mu.Lock()
		m.adjustments.add(a)
		m.mu.Unlock()
	}
}

func (s *queues) find(q Queue) *seenQueue {
	i := slices.IndexFunc(s.here, func(one *seenQueue) bool { return one.queue == q.queue })
	if i < 0 {
		return nil
	}
	return s.here[i]
}

// do takes an adjustment, if it makes a difference.
func (m *Monitor) do(r *run, s *Stream, a *Adjustment, c clock) bool {
	a.Time, a.Stream, a.StreamID = c.now, s.Name, s.ID
	if a.Action == Interrupt {
		return m.interrupt(r, c)
	}
	if a.Queue < 0 || a.Queue >= len(s.Queues) || !(a.To >= 0) {
		return false
	}
	q := &s.Queues[a.Queue]
	done := false
	before := Settings{q.Capacity, q.Pace, q.Sample}
	m.guarded("the owner of a queue", func() { done = q.set(a) })
	if !done {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.queues.find(*q); one != nil && !a.Undo && !one.changed[a.Action] {
		one.changed[a.Action] = true
		switch a.Action {
		case SetCapacity:
			one.configured.Capacity = before.Capacity
		case SetPace:
			one.configured.Pace = before.Pace
		case SetSample:
			one.configured.Sample = before.Sample
		}
	}
	if one := r.queues.find(*q); one != nil && a.Action == SetPace {
		one.brief = a.brief()
	}
	return true
}

// set does what a says and fills in From; false if there is nothing to do.
func (q *Queue) set(a *Adjustment) bool {
	switch a.Action {
	case SetCapacity:
		to := int(min(a.To, maxCapacity))
		if to < 1 || to == q.Capacity {
			return false
		}
		a.From, a.To, q.Capacity = float64(q.Capacity), float64(to), to
		q.queue.SetCapacity(to)
		return true
	case SetPace:
		owner, ok := q.queue.Owner().(Pacer)
		if !ok || a.To == q.Pace {
			return false
		}
		a.From, q.Pace = q.Pace, a.To
		owner.SetPace(a.To)
		return true
	case SetSample:
		owner, ok := q.queue.Owner().(Sampler)
		to := int(min(a.To, maxCapacity))
		if !ok || to < 1 || to == q.Sample {
			return false
		}
		a.From, a.To, q.Sample = float64(q.Sample), float64(to), to
		owner.SetSample(to)
		return true
	}
	return false
}

const maxCapacity = 1 << 30

// interrupt ends the run of the handler, unless the one before may still need time
// to come to its first item.
func (m *Monitor) interrupt(r *run, c clock) bool {
	items := r.items.Load()
	r.mu.Lock()
	a := &r.adjusting
	if a.interrupts > 0 && items != a.itemsThen {
		a.vain = 0
	}
	patience := int64(max(m.c.Stall, m.c.Interval)) << max(0, a.vain-1)
	recently := a.interrupts > 0 && c.nanos-a.interrupted < patience
	r.mu.Unlock()
	if recently || !r.call.Interrupt(ErrStalled) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a.interrupts++
	a.vain = min(a.vain+1, maxVain)
	a.interrupted, a.itemsThen = c.nanos, items
	return true
}

const maxVain = 6 // 32 times Config.Stall
