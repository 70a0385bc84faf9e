package health

import (
	"fmt"
	"math"
	"time"
)

// DefaultPolicies are a [Pacing] and a [Capacity], each with its defaults. Neither
// loses an item, ends a stream or takes more memory than the queues were
// configured for.
func DefaultPolicies() []Policy { return []Policy{Pacing{}, Capacity{}} }

// Pacing slows a producer down to what its consumer takes while the queue between
// them is under pressure, so that the queue neither overflows nor drops. The zero
// value is ready to use.
type Pacing struct {
	// Least is the lowest items per second that it goes down to. Default: 1.
	Least float64
	// Lossy has it pace also a producer whose queue drops items, or has. By default
	// it does not: a queue that drops is there for a producer that does not wait.
	Lossy bool
}

// paceBelow is the share of the consumer's rate that the producer gets, so that
// the queue empties; paceAgain is the change from which a pace is set anew.
const (
	paceBelow = 0.9
	paceAgain = 0.1
)

// Adjust is part of [Policy].
func (p Pacing) Adjust(s Stream) (all []Adjustment) {
	least := p.Least
	if !(least > 0) {
		least = 1
	}
	for i, q := range s.Queues {
		if !q.Paces || !q.Pressure || (q.Drops || q.Dropped > 0) && !p.Lossy {
			continue
		}
		pace := max(least, paceBelow*q.DeliveredRate)
		if q.Pace == 0 || math.Abs(pace-q.Pace) > paceAgain*q.Pace {
			all = append(all, Adjustment{Action: SetPace, Queue: i, To: pace,
				Why: fmt.Sprintf("%d of %d queued, the consumer takes %.4g a second", q.Depth, q.Capacity, q.DeliveredRate)})
		}
	}
	return all
}

// Capacity doubles the capacity of a queue that is under pressure. While the stream
// has [HighMemory] it halves that of a queue with more than Min items in it: one with
// fewer would give no memory back. The zero value is ready to use.
type Capacity struct {
	// Min and Max bound what it sets. Default: an eighth of the configured capacity,
	// and the configured capacity: by default it only shrinks queues, and gives
	// them back what it took.
	Min, Max int
}

// Adjust is part of [Policy].
func (p Capacity) Adjust(s Stream) (all []Adjustment) {
	for i, q := range s.Queues {
		least, most := p.Min, p.Max
		if least <= 0 {
			least = max(1, q.Configured.Capacity/8)
		}
		if most <= 0 {
			most = q.Configured.Capacity
		}
		to, why := q.Capacity, ""
		switch {
		case s.Has(HighMemory):
			if q.Depth > least {
				to, why = max(q.Capacity/2, min(least, q.Capacity)), fmt.Sprintf("the process takes too much memory, %d of %d queued", q.Depth, q.Capacity)
			}
		case q.Pressure || s.Has(Exhaustion):
			to, why = max(q.Capacity, min(2*q.Capacity, most)), fmt.Sprintf("%d of %d queued, %d dropped", q.Depth, q.Capacity, q.Dropped)
		}
		if to != q.Capacity {
			all = append(all, Adjustment{Action: SetCapacity, Queue: i, To: float64(to), Why: why})
		}
	}
	return all
}

// Sampling leaves out items while a queue is under pressure: it doubles the sample
// at each report, up to Most. What is left out is lost, so it is not among the
// defaults. The zero value is ready to use.
type Sampling struct {
	Most int // the highest n of one in n. Default: 16
}

// Adjust is part of [Policy].
func (p Sampling) Adjust(s Stream) (all []Adjustment) {
	most := p.Most
	if most <= 0 {
		most = 16
	}
	for i, q := range s.Queues {
		if !q.Samples || !q.Pressure {
			continue
		}
		if to := min(2*max(1, q.Sample), most); to > q.Sample {
			all = append(all, Adjustment{Action: SetSample, Queue: i, To: float64(to),
				Why: fmt.Sprintf("%d of %d queued", q.Depth, q.Capacity)})
		}
	}
	return all
}

// Restart interrupts a stream that is [Stalled], so that a retry inside of the
// Monitor resumes it; see [Interrupt]. Where there is no such retry, the stream ends with
// [ErrStalled], so it is not among the defaults. The zero value is ready to use.
//
// A stream with items in a queue is left alone, for then it is the consumer that
// takes none. Without a queue the handler runs on the consumer's goroutine, and
// which of the two it is cannot be told: there, let Config.Stall be longer than
// the consumer may take for an item.
type Restart struct {
	// After is how long no item must have come. Default: Config.Stall, which is also
	// the least.
	After time.Duration
}

// Adjust is part of [Policy].
func (p Restart) Adjust(s Stream) []Adjustment {
	if s.Depth > 0 {
		return nil
	}
	for _, f := range s.Findings {
		if f.Reason == Stalled && f.Value >= p.After.Seconds() {
			return []Adjustment{{Action: Interrupt, Why: f.String()}}
		}
	}
	return nil
}
