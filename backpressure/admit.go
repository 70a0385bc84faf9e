package backpressure

import (
	"time"

	"github.com/fsmediator/mediator"
)

// admit decides on an item, on the producer's goroutine.
func (r *Run) admit(q *mediator.Queue) mediator.Verdict {
	if capacity := q.Capacity(); capacity != r.capacity {
		r.resize(capacity)
	}
	// To look where the consumer is can cost as much as all the rest.
	if r.glances--; r.glances < 0 {
		r.gauge(q)
	}
	if r.plain && !r.steered.Load() {
		return r.decide(q, r.pressed)
	}
	return r.admitSteered(q, r.pressed)
}

// admitSteered is admit where there is more than the strategy.
func (r *Run) admitSteered(q *mediator.Queue, pressure bool) mediator.Verdict {
	c := &r.control.c
	if r.meter != nil {
		r.measure(q, pressure)
	}
	switch steered := r.steered.Load(); {
	case r.throttles && (steered || pressure || c.Trigger == nil && q.Reaches(r.low+1)):
		if !r.hold(q, leastPause, r.delay) {
			return mediator.Enqueue
		}
	case steered && !r.throttles:
		if !r.hold(q, longestSlice, r.interval) {
			return mediator.Enqueue
		}
	}
	if n := r.sample.Load(); n > 1 {
		if r.skip--; r.skip >= 0 {
			return mediator.Skip
		}
		r.skip = n - 1
	}
	if c.Admit != nil {
		return c.Admit(q)
	}
	return r.decide(q, pressure)
}

// decide is what the strategy does.
func (r *Run) decide(q *mediator.Queue, pressure bool) mediator.Verdict {
	c := &r.control.c
	switch c.Strategy {
	case Block:
		if pressure {
			r.block(q)
		}
	case DropNewest:
		if pressure || q.Reaches(r.capacity) {
			return mediator.Drop
		}
	case DropOldest:
		// Where only a full queue means pressure, the consumer may have made room by now.
		if pressure && (r.low < r.capacity-1 || c.Trigger != nil) {
			return mediator.EvictOne
		}
		return mediator.Evict
	case Latest:
		return mediator.Replace
	case Fail:
		if pressure || q.Reaches(r.capacity) {
			return q.Fail(&OverflowError{Depth: q.Depth(), Capacity: r.capacity})
		}
	case Sample:
		if pressure {
			if r.leave--; r.leave >= 0 {
				return mediator.Skip
			}
			r.leave = r.every.Load() - 1
		}
		if r.meter != nil && q.Reaches(r.capacity) {
			r.meter.awaitRoom(q, r.capacity)
		}
	}
	return mediator.Enqueue
}

// block waits until the pressure has ended. If the run ends before, what becomes of
// the item is no longer up to the strategy.
func (r *Run) block(q *mediator.Queue) {
	if r.control.c.Trigger == nil {
		if q.Await(r.low) {
			r.turn(false)
		}
		return
	}
	for pause := leastPause; r.ask(q); pause = min(2*pause, longestSlice) {
		if !q.Pause(pause) {
			return
		}
	}
	r.turn(false)
}

// interval is how long an item has to wait for the pace that is set.
func (r *Run) interval(*mediator.Queue) time.Duration {
	return perItem(r.Pace())
}

// delay is how long a Throttle holds up an item at the depth of the moment.
func (r *Run) delay(q *mediator.Queue) time.Duration {
	return max(r.interval(q), r.throttle(q.Depth()))
}
