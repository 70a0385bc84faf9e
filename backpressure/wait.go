package backpressure

import (
	"math"
	"runtime"
	"time"

	"github.com/fsmediator/mediator"
)

const (
	// leastPause is what a producer owes before it waits. Timers are no more exact than
	// this, and a wait costs thousands of times what an item does.
	leastPause = time.Millisecond
	// longestSlice is how long a producer waits before it looks whether it still has to.
	longestSlice = 100 * time.Millisecond
	// yields is how often a producer lets others run before it sleeps.
	yields = 64
)

// wait is what a producer owes in time. Time that passes without an item pays it
// back, but is not saved up; that of a pause that was longer than asked for is.
type wait struct {
	owed    time.Duration
	settled time.Time
}

// hold has the producer wait until perItem's time for an item has passed since the one
// before. What is owed is added up without a look at the clock until it is worth a
// pause. Meanwhile it asks again, first after slice, and waits no longer than for the
// latest answer. It returns false if the run has ended.
func (r *Run) hold(q *mediator.Queue, slice time.Duration, perItem func(*mediator.Queue) time.Duration) bool {
	w := &r.wait
	if w.owed += perItem(q); w.owed < leastPause {
		return true
	}
	w.owed = max(0, w.owed-w.settle())
	if w.owed < leastPause {
		return true
	}
	if r.throttles && r.Pace() == 0 && r.drains(q) {
		w.owed = 0
		return true
	}
	for {
		if !q.Pause(min(slice, w.owed)) {
			return false
		}
		if w.owed = max(-longestSlice, w.owed-w.settle()); w.owed >= leastPause {
			w.owed = min(w.owed, perItem(q))
		}
		if w.owed < leastPause {
			return true
		}
		slice = min(slice*3/2, longestSlice)
	}
}

// settle returns the time that has passed since it was called last.
func (w *wait) settle() time.Duration {
	now := time.Now()
	since := now.Sub(w.settled)
	w.settled = now
	return since
}

// drains tells whether the depth falls to the low watermark in no time: a fast
// consumer would run out of items during the shortest pause.
func (r *Run) drains(q *mediator.Queue) bool {
	for range yields {
		if r.throttle(q.Depth()) == 0 {
			return true
		}
		runtime.Gosched()
	}
	return false
}

// perItem is the time that an item has at a pace, in items a second; 0 for no pace.
func perItem(pace float64) time.Duration {
	if pace <= 0 {
		return 0
	}
	return time.Duration(min(float64(time.Second)/pace, math.MaxInt64/2))
}

// doublings of the delay from the low watermark to the high one: from 5µs to 5s in
// steps that are the same for a fast consumer and a slow one.
const doublings = 20

// throttle is how long a Throttle holds up an item at a depth. Adaptive, it is the
// time that the consumer takes for an item in the middle between the watermarks, and
// twice that at the high one.
func (r *Run) throttle(depth int) time.Duration {
	c := &r.control.c
	low, high := r.low, r.high
	if c.Trigger != nil {
		if !r.pressed {
			return 0
		}
		low, high = 0, r.capacity
	}
	if depth <= low {
		return 0
	}
	share := min(1, float64(depth-low)/float64(high-low))
	if pace := math.Float64frombits(r.tuned.Load()); pace > 0 {
		pace = min(max(pace/(2*share), c.Tuning.MinPace), c.Tuning.MaxPace)
		return min(perItem(pace), c.MaxDelay)
	}
	return time.Duration(float64(c.MaxDelay) * (math.Exp2(doublings*share) - 1) / (1<<doublings - 1))
}
