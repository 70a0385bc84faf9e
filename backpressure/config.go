package backpressure

import (
	"fmt"
	"math"
	"time"

	"github.com/fsmediator/mediator"
)

// Config configures a boundary, see [New]. Its zero value is a [Buffer] with the
// defaults. A field that says nothing to the Strategy is not used, so that a preset
// may be given another one.
type Config struct {
	// Strategy is what is done about a slow consumer. Default: [Buffer].
	Strategy Strategy
	// Capacity is how many items are queued at most. Memory is taken as the queue
	// fills. Default: 1024. [Latest] has 1.
	Capacity int
	// High is the share of Capacity, above 0 up to 1, at which pressure begins.
	// Default: 0.8; for [DropNewest], [DropOldest] and [Fail] 1, so that only a full
	// queue drops or fails.
	High float64
	// Low is the share of Capacity, from 0 to High, at which pressure ends. At least
	// one item must have gone since it began: where Low is not less than High,
	// pressure ends below High. A share of less than one item is an empty queue.
	// Default: 0.5, but not more than High; for [DropNewest], [DropOldest] and [Fail]
	// the same as High.
	Low float64

	// SampleEvery is n of the 1 in n items that [Sample] keeps. Default: 2.
	SampleEvery int
	// MaxDelay is how long [Throttle] holds up one item at most; the wait for room in
	// a full queue comes on top. More than a year is a year. Default: 5s.
	MaxDelay time.Duration

	// Trigger takes the place of the watermarks: there is pressure as long as it
	// returns true. It is called for each item, on the producer's goroutine, and
	// concurrently for several runs; a panic in it is one of the handler's. [Block]
	// asks it again and again while it waits, and [Throttle] goes by the depth's share
	// of Capacity while it is true. Default: the watermarks.
	Trigger func(s State) bool
	// Admit takes the place of Strategy. It is called for each item, on the producer's
	// goroutine, and concurrently for several runs; a panic in it is one of the
	// handler's. It may return any verdict, and use all methods of the queue, whose
	// Owner is the [*Run]. Default: what Strategy does.
	Admit func(q *mediator.Queue) mediator.Verdict
	// OnPressure is told when pressure begins and when it ends, the latter by the next
	// item or the end of the run. It is called on the run's goroutines, one call at a
	// time for each run, concurrently for several, and holds up the run. A panic in it
	// is recovered, and shown by [Snapshot]. Default: nobody is told.
	OnPressure func(e Event)

	// Adaptive has a setting follow the rates that are measured, see [Tuning]. It says
	// nothing to [Latest].
	Adaptive bool
	// Tuning has the bounds of what Adaptive may do.
	Tuning Tuning
}

// State is what a [Config].Trigger goes by: the queue before the item at hand.
type State struct {
	Depth    int
	Capacity int
	Pressure bool // there was, at the item before
}

const (
	defaultCapacity = 1024
	defaultHigh     = 0.8
	defaultLow      = 0.5
	defaultDelay    = 5 * time.Second
	longestDelay    = 365 * 24 * time.Hour // can be added to, and is exact as a float64
)

// complete returns c with its defaults. It panics if c makes no sense.
func (c Config) complete() Config {
	share := func(field string, v float64) {
		if !(v >= 0 && v <= 1) {
			panic(fmt.Sprintf("backpressure: %s is %v, not a share from 0 to 1", field, v))
		}
	}
	switch {
	case c.Strategy >= strategies:
		panic(fmt.Sprintf("backpressure: there is no %v", c.Strategy))
	case c.Capacity < 0:
		panic(fmt.Sprintf("backpressure: Capacity is negative: %d", c.Capacity))
	case c.Capacity > math.MaxInt32:
		panic(fmt.Sprintf("backpressure: Capacity is %d, more than %d", c.Capacity, math.MaxInt32))
	case c.SampleEvery < 0:
		panic(fmt.Sprintf("backpressure: SampleEvery is negative: %d", c.SampleEvery))
	case c.MaxDelay < 0:
		panic(fmt.Sprintf("backpressure: MaxDelay is negative: %v", c.MaxDelay))
	}
	share("High", c.High)
	share("Low", c.Low)
	full := c.Strategy == DropNewest || c.Strategy == DropOldest || c.Strategy == Fail
	switch {
	case c.High == 0 && full:
		c.High = 1
	case c.High == 0:
		c.High = defaultHigh
	}
	switch {
	case c.Low == 0 && full:
		c.Low = c.High
	case c.Low == 0:
		c.Low = min(defaultLow, c.High)
	}
	if c.Low > c.High {
		panic(fmt.Sprintf("backpressure: Low is %v, more than High, which is %v", c.Low, c.High))
	}
	orDefault(&c.Capacity, defaultCapacity)
	orDefault(&c.SampleEvery, 2)
	orDefault(&c.MaxDelay, defaultDelay)
	c.MaxDelay = min(c.MaxDelay, longestDelay)
	if c.Strategy == Latest && c.Admit == nil {
		c.Capacity, c.High, c.Low, c.Adaptive = 1, 1, 1, false
	}
	c.Tuning = c.Tuning.complete(c)
	return c
}

// orDefault replaces a zero value.
func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}
