package health

import (
	"slices"
	"time"

	"github.com/fsmediator/mediator"
)

// queues is what a run knows of its queues.
type queues struct {
	here                       []*seenQueue         // outermost first
	before                     mediator.QueueCounts // of all, when the run began
	produced, dropped, skipped uint64               // since then, also in those that are gone: a retry makes new ones
	depth                      int                  // of all that are here, at the latest look
}

type seenQueue struct {
	queue      *mediator.Queue
	configured Settings
	changed    [Interrupt]bool // by Action: set by the Monitor, and not undone
	brief      bool            // its pace is [Adjustment].WhileQueued

	pressed bool  // it was nearly full, and not less than half full since:
	since   int64 // when that began

	reported    int64 // when it was last reported, or found,
	deliveredBy uint64

	measured int64 // when the latest of rates was, or it was found,
	takenBy  uint64
	rates    [2]float64 // of the consumer, 0 if not known
}

// leastTaken and measuredFor are what a rate of the consumer is measured over at least,
// so that an item more or less makes no difference. A pause is part of one rate only,
// however long it is.
const (
	leastTaken  = 32
	measuredFor = 4 * time.Second
)

// measure takes up how fast the consumer is.
func (one *seenQueue) measure(delivered uint64, at int64) {
	if n := less(delivered, one.takenBy); n >= leastTaken && at-one.measured >= int64(measuredFor) {
		one.rates = [2]float64{one.rates[1], float64(n) * 1e9 / float64(at-one.measured)}
		one.measured, one.takenBy = at, delivered
	}
}

// low tells whether a depth is little for the queue.
func (one *seenQueue) low(depth int) bool { return 8*depth <= one.queue.Capacity() }

// count takes up what has become of the items in all queues. A call that was
// abandoned knows of none any more.
func (s *queues) count(all mediator.QueueCounts) {
	s.produced = max(s.produced, less(all.Produced, s.before.Produced))
	s.dropped = max(s.dropped, less(all.Dropped, s.before.Dropped))
	s.skipped = max(s.skipped, less(all.Skipped, s.before.Skipped))
}

// look takes up which queues there are, and how full they are. It tells whether there
// is a pace to lift.
func (s *queues) look(now []*mediator.Queue, at int64) (lift bool) {
	if len(now) == 0 && len(s.here) == 0 {
		return false
	}
	before := s.here
	if !slices.EqualFunc(before, now, func(a *seenQueue, b *mediator.Queue) bool { return a.queue == b }) {
		s.here = nil
		for _, q := range now {
			i := slices.IndexFunc(before, func(a *seenQueue) bool { return a.queue == q })
			if i >= 0 {
				s.here = append(s.here, before[i])
				continue
			}
			taken := q.Counts().Delivered
			s.here = append(s.here, &seenQueue{queue: q, reported: at, deliveredBy: taken, measured: at, takenBy: taken})
		}
	}
	s.depth = 0
	for _, one := range s.here {
		c := one.queue.Counts()
		s.depth += c.Queued
		one.gauge(c.Queued, at)
		one.measure(c.Delivered, at)
		lift = lift || one.brief && one.low(c.Queued)
	}
	return lift
}

// gauge tells pressure by watermarks: a producer that waits for room goes on when
// half of a large queue is free.
func (one *seenQueue) gauge(depth int, at int64) {
	switch capacity := one.queue.Capacity(); {
	case !one.pressed && 5*depth >= 4*capacity:
		one.pressed, one.since = true, at
	case 5*depth < 2*capacity:
		one.pressed = false
	}
}

// full tells since when a queue has been under pressure.
func (s *queues) full(at int64) (longest time.Duration) {
	for _, one := range s.here {
		if one.pressed {
			longest = max(longest, time.Duration(at-one.since))
		}
	}
	return longest
}

// report is the queues as they are, without what their owners say. anew begins
// another period for the rates.
func (s *queues) report(at int64, anew bool) (all []Queue) {
	for _, one := range s.here {
		c := one.queue.Counts()
		capacity := one.queue.Capacity()
		q := Queue{
			Capacity: capacity, Depth: c.Queued, Produced: c.Produced, Dropped: c.Dropped, Skipped: c.Skipped, Delivered: c.Delivered,
			TakenRate: max(one.rates[0], one.rates[1]), Pressure: one.pressed, Configured: one.configured, queue: one.queue, changed: one.changed,
		}
		if !one.changed[SetCapacity] {
			q.Configured.Capacity = capacity
		}
		if elapsed := at - one.reported; elapsed > 0 {
			q.DeliveredRate = float64(less(c.Delivered, one.deliveredBy)) * 1e9 / float64(elapsed)
		}
		if anew {
			one.reported, one.deliveredBy = at, c.Delivered
		}
		all = append(all, q)
	}
	return all
}

// askOwners adds what the owners of the queues say; it runs code that is not ours.
func (m *Monitor) askOwners(all []Queue) {
	for i := range all {
		q := &all[i]
		m.guarded("the owner of a queue", func() {
			owner := q.queue.Owner()
			if o, ok := owner.(Dropper); ok {
				q.Drops = o.Drops()
			}
			if o, ok := owner.(Presser); ok {
				q.Pressure = o.Pressure()
			}
			if o, ok := owner.(Pacer); ok {
				q.Paces, q.Pace = true, o.Pace()
				if !q.changed[SetPace] {
					q.Configured.Pace = q.Pace
				}
			}
			if o, ok := owner.(Sampler); ok {
				q.Samples, q.Sample = true, max(1, o.Sample())
				if !q.changed[SetSample] {
					q.Configured.Sample = q.Sample
				}
			}
		})
	}
}
