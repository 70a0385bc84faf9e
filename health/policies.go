package health

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// DefaultPolicies are a [Pacing] and a [Capacity], each with its defaults. Neither
// loses an item, costs throughput, ends a stream or takes more memory than the queues
// were configured for.
func DefaultPolicies() []Policy { return []Policy{Pacing{}, Capacity{}} }

// Pacing has a queue under pressure get shorter, down to a third of its capacity: it
// slows the producer down to a little less than its consumer takes, and then to just that.
// The zero value is ready to use.
//
// It costs no throughput. The consumer has what is queued to go on with, its rate is
// that of the time in which it took items, however long it paused then, and once a look
// finds little left, the producer goes on as it likes. Of several queues one is
// paced, the outermost under pressure. A queue that loses nothing holds up its producer
// by itself when it is full; what Pacing adds there is that items get through sooner.
type Pacing struct {
	// Least is the lowest items per second that it goes down to. Default: 1.
	Least float64
	// Wait is how long what is queued must take the consumer for a queue that loses
	// nothing to be paced: little would be won with a shorter one, and it could run empty
	// between two reports. Default: Config.Interval.
	Wait time.Duration
	// Lossy has it pace also a producer whose queue drops items, or has. By default
	// it does not: a queue that drops is there for a producer that does not wait.
	Lossy bool
}

// paceBelow is the share of the consumer's rate that the producer gets, so that
// the queue empties; paceAgain is the change from which a pace is set anew.
const (
	paceBelow = 0.9
	paceAgain = 0.05
)

// Adjust is part of [Policy].
func (p Pacing) Adjust(s Stream) []Adjustment {
	i := slices.IndexFunc(s.Queues, func(q Queue) bool { return q.Paces && q.Pace != q.Configured.Pace })
	if i < 0 {
		i = slices.IndexFunc(s.Queues, func(q Queue) bool { return q.Paces && q.Pressure && q.TakenRate > 0 && p.helps(q, s.interval) })
	}
	if i < 0 {
		return nil
	}
	q := s.Queues[i]
	pace := q.TakenRate
	switch {
	case q.Pressure:
		pace *= paceBelow
	case 3*q.Depth > q.Capacity:
		return nil // it gets shorter
	}
	if !(p.Least > 0) {
		p.Least = 1
	}
	pace = max(p.Least, pace)
	if q.Configured.Pace > 0 {
		pace = min(pace, q.Configured.Pace)
	}
	if q.Pace > 0 && math.Abs(pace-q.Pace) <= paceAgain*q.Pace {
		return nil
	}
	return []Adjustment{{Action: SetPace, Queue: i, To: pace, WhileQueued: true,
		Why: fmt.Sprintf("%d of %d queued, the consumer takes %.4g a second", q.Depth, q.Capacity, q.TakenRate)}}
}

// helps tells whether it is of use to pace the producer of a queue under pressure.
func (p Pacing) helps(q Queue, interval time.Duration) bool {
	if q.Drops || q.Dropped > 0 {
		return p.Lossy
	}
	orDefault(&p.Wait, interval)
	return float64(q.Depth) >= p.Wait.Seconds()*q.TakenRate
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
