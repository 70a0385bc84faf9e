package backpressure

import (
	"time"

	"github.com/fsmediator/mediator"
)

// admit decides on an item, on the producer's goroutine.
func (r *Run) admit(q *mediator.Queue) mediator.Verdict {
	if !r.plain || r.steered.Load() {
		return r.admitSteered(q)
	}
	r.look(q)
	return r.decide(q)
}

// admitAtOnce is admit where pressure changes nothing.
func (r *Run) admitAtOnce(q *mediator.Queue) mediator.Verdict {
	if r.glances--; r.glances < 0 || r.steered.Load() {
		return r.admit(q)
	}
	return r.usual
}

// look finds out whether there is pressure.
func (r *Run) look(q *mediator.Queue) {
	if capacity := q.Capacity(); capacity != r.capacity {
		r.resize(capacity)
	}
	// To look where the consumer is can cost as much as all the rest.
	if r.glances--; r.glances < 0 {
		r.gauge(q)
	}
}

// admitSteered is admit where there is more than the strategy.
func (r *Run) admitSteered(q *mediator.Queue) mediator.Verdict {
	c := &r.control.c
	if r.throttles {
		r.look(q)
		if (c.Trigger != nil || q.Reaches(r.low+1) || r.steered.Load()) && !r.hold(q, leastPause, r.delay) {
			return mediator.Enqueue
		}
	} else {
		// What has changed while the item waited counts.
		if r.steered.Load() && !r.hold(q, longestSlice, r.interval) {
			return mediator.Enqueue
		}
		r.look(q)
	}
	if r.meter != nil {
		r.measure(q, r.pressed)
	}
	if n := r.sample.Load(); n > 1 {
		if r.skip = min(r.skip, n) - 1; r.skip >= 0 {
			return mediator.Skip
		}
		r.skip = n - 1
	} else {
		r.skip = 0
	}
	if c.Admit != nil {
		return c.Admit(q)
	}
	return r.decide(q)
}

// decide is what the strategy does.
func (r *Run) decide(q *mediator.Queue) mediator.Verdict {
	c := &r.control.c
	switch c.Strategy {
	case Block:
		if r.pressed {
			r.block(q)
		}
	case DropNewest:
		if r.pressed || q.Reaches(r.capacity) {
			return mediator.Drop
		}
	case DropOldest:
		// Where only a full queue means pressure, the consumer may have made room by now.
		if r.pressed && (r.low < r.capacity-1 || c.Trigger != nil) {
			return mediator.EvictOne
		}
		return mediator.Evict
	case Latest:
		return mediator.Replace
	case Fail:
		if r.pressed || q.Reaches(r.capacity) {
			return q.Fail(&OverflowError{Depth: q.Depth(), Capacity: r.capacity})
		}
	case Sample:
		if r.pressed {
			n := r.every.Load()
			if r.leave = min(r.leave, n) - 1; r.leave >= 0 {
				return mediator.Skip
			}
			r.leave = n - 1
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
