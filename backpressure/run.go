package backpressure

import (
	"math"
	"sync/atomic"

	"github.com/fsmediator/mediator"
)

// Run is the boundary of one run of a stream: the Owner of its [mediator.Queue]. It
// shows how the run is doing, and takes the orders of whoever watches it; they hold
// for any strategy, and on top of what that does. Its methods may be called at any
// time and from any goroutine.
type Run struct {
	control *Control
	name    string
	number  uint64
	queue   *mediator.Queue

	pace      atomic.Uint64 // the bits of SetPace's
	sample    atomic.Int64  // SetSample's
	steered   atomic.Bool   // one of the two is set
	pressure  atomic.Bool
	pressures atomic.Uint64
	every     atomic.Int64  // n of Sample
	tuned     atomic.Uint64 // the bits of the pace that a Throttle has adapted

	// The producer's.
	plain     bool             // the strategy is all there is, unless steered
	usual     mediator.Verdict // of admitAtOnce
	throttles bool             // by the strategy
	samples   bool             // by the strategy
	glances   int              // items until it looks at the depth
	coarse    bool             // it need not at every item
	capacity  int              // that the watermarks are for
	high, low int              // depths
	pressed   bool
	skip      int64 // items to skip before the next that SetSample keeps
	leave     int64 // items to leave out before the next that Sample keeps
	wait      wait
	meter     *meter // of adaptive runs
}

// Name returns the message's name.
func (r *Run) Name() string { return r.name }

// SetPace has the producer yield no more than so many items a second; 0 or less is as
// many as it can. Items that are less than a millisecond apart come in bursts of one.
// A producer that waits goes by a new pace within a tenth of a second.
func (r *Run) SetPace(itemsPerSecond float64) {
	if !(itemsPerSecond > 0) || math.IsInf(itemsPerSecond, 1) {
		itemsPerSecond = 0
	}
	r.pace.Store(math.Float64bits(itemsPerSecond))
	r.steered.Store(true)
}

// Pace returns what SetPace has set, 0 for no limit.
func (r *Run) Pace() float64 { return math.Float64frombits(r.pace.Load()) }

// SetSample has only 1 in n items kept, whether there is pressure or not; the others
// are sampled out. 1 or less keeps all. Under pressure, a [Sample] keeps its share of
// what this leaves.
func (r *Run) SetSample(oneIn int) {
	if oneIn <= 1 {
		oneIn = 0
	}
	r.sample.Store(int64(oneIn))
	r.steered.Store(true)
}

// Drops tells whether the strategy gives up items rather than have the producer wait.
// With [Config].Admit it is false.
func (r *Run) Drops() bool { return r.control.c.Admit == nil && r.control.c.Strategy.drops() }

// Sample returns what SetSample has set, 0 for all items.
func (r *Run) Sample() int { return int(r.sample.Load()) }

// Pressure tells whether there is pressure: it has begun, and the depth has not fallen
// to the low watermark since.
func (r *Run) Pressure() bool {
	if !r.control.stateless && !r.pressure.Load() {
		return false
	}
	if r.control.c.Trigger != nil {
		return true
	}
	_, low := r.control.c.depths(r.queue.Capacity())
	return r.queue.Counts().Queued > low
}

// Capacity returns the queue's capacity now.
func (r *Run) Capacity() int { return r.queue.Capacity() }

// Counts returns what has become of the run's items so far.
func (r *Run) Counts() Counts { return countsOf(r.queue.Counts()) }

// depths returns the depth at which pressure begins and that at which it ends.
func (c *Config) depths(capacity int) (high, low int) {
	// A share that was meant to give a whole number may miss it by a hair.
	const hair = 1e-9
	high = max(1, int(math.Ceil(c.High*float64(capacity)-hair)))
	low = min(high-1, int(math.Floor(c.Low*float64(capacity)+hair)))
	return high, low
}

// gauge looks whether there is pressure at the item at hand.
func (r *Run) gauge(q *mediator.Queue) {
	if r.coarse {
		r.glances = glanceEvery - 1
	}
	switch {
	case r.control.c.Trigger != nil:
		if now := r.ask(q); now != r.pressed {
			r.turn(now)
		}
	case r.pressed:
		if !q.Reaches(r.low + 1) {
			r.turn(false)
		}
	case q.Reaches(r.high):
		r.turn(true)
	}
}

func (r *Run) ask(q *mediator.Queue) bool {
	return r.control.c.Trigger(State{Depth: q.Depth(), Capacity: r.capacity, Pressure: r.pressed})
}

// turn begins or ends the pressure.
func (r *Run) turn(pressed bool) {
	r.pressed = pressed
	r.pressure.Store(pressed)
	if pressed {
		r.leave = 0
		r.pressures.Add(1)
	}
	if r.control.c.OnPressure != nil {
		r.control.tell(r, pressed)
	}
}

// glanceEvery is how many items pass between two looks of a coarse run.
const glanceEvery = 16

// resize goes by a capacity that has changed.
func (r *Run) resize(capacity int) {
	c := &r.control.c
	r.capacity, r.glances = capacity, 0
	r.high, r.low = c.depths(capacity)
	r.coarse = c.onlyTells() && (r.control.stateless || r.high-r.low >= 4*glanceEvery)
}

// onlyTells tells whether pressure changes nothing, and nobody waits to be told.
func (c *Config) onlyTells() bool {
	return c.Admit == nil && c.Trigger == nil && c.OnPressure == nil && (c.Strategy == Buffer || c.stateless())
}

// stateless tells whether there is pressure depends on the depth alone, without
// hysteresis, and what the strategy does as well.
func (c *Config) stateless() bool {
	return c.Admit == nil && c.Trigger == nil && (c.Strategy == Latest || c.Strategy == DropOldest && c.High == 1 && c.Low == 1)
}

// finish ends the run, when both sides have ended.
func (r *Run) finish() {
	if r.pressed {
		r.turn(false)
	}
}
