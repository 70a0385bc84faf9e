package backpressure

import (
	"math"
	"time"

	"github.com/fsmediator/mediator"
)

// meter measures the rates of an adaptive run. It belongs to the producer, and goes by
// the items: most of them cost it a decrement.
type meter struct {
	tuner
	running bool      // an interval, or a part of one, is being measured
	began   time.Time // when that began
	from    mediator.QueueCounts
	so      period // what its earlier parts have come to
	held    time.Duration
	busy    bool
	looked  time.Time // at the clock, last
	stride  int       // items between two looks
	left    int       // of them
}

// longestStride bounds how long a rate that has fallen goes unnoticed.
const longestStride = 64

// measure notes an item, and adapts the setting at the end of an interval. What a
// Sample does under pressure depends on the rates under pressure alone.
func (r *Run) measure(q *mediator.Queue, pressure bool) {
	m := r.meter
	if r.samples && !pressure {
		if m.running {
			m.so = m.sum(time.Now(), q.Counts())
			m.running = false
		}
		return
	}
	if !m.running {
		m.begin(time.Now(), q.Counts())
		return
	}
	m.busy = m.busy && q.Reaches(1)
	if m.left--; m.left > 0 {
		return
	}
	now := time.Now()
	m.pick(now.Sub(m.looked))
	m.looked = now
	if m.so.elapsed+now.Sub(m.began) < m.Interval {
		return
	}
	counts := q.Counts()
	p := m.sum(now, counts)
	if !m.enough(p) {
		return
	}
	m.observe(p)
	m.so = period{busy: true}
	m.begin(now, counts)
	r.adapt(q)
}

// begin begins an interval, or a further part of it.
func (m *meter) begin(now time.Time, counts mediator.QueueCounts) {
	m.running, m.began, m.from, m.held, m.busy = true, now, counts, 0, true
	m.looked, m.stride, m.left = now, max(1, m.stride), max(1, m.stride)
}

// sum is what the interval has come to.
func (m *meter) sum(now time.Time, counts mediator.QueueCounts) period {
	return period{
		elapsed:   m.so.elapsed + now.Sub(m.began),
		held:      m.so.held + m.held,
		produced:  m.so.produced + counts.Produced - m.from.Produced,
		delivered: m.so.delivered + counts.Delivered - m.from.Delivered,
		busy:      m.so.busy && m.busy,
	}
}

// pick chooses the stride such that there are some looks in an interval, given how long
// the latest took.
func (m *meter) pick(took time.Duration) {
	fits := float64(m.stride) * float64(m.Interval/8) / float64(max(took, 1))
	m.stride = int(min(max(fits, 1), longestStride))
	m.left = m.stride
}

// awaitRoom waits in a full queue, and takes the time of it: for a single place, since
// the sooner the producer goes on, the sooner it adapts.
func (m *meter) awaitRoom(q *mediator.Queue, capacity int) {
	began := time.Now()
	if q.Await(capacity - 1) {
		m.held += time.Since(began)
	}
}

// adapt changes the setting to what was measured.
func (r *Run) adapt(q *mediator.Queue) {
	switch {
	case r.samples:
		r.every.Store(int64(r.meter.sample(int(r.every.Load()))))
	case r.throttles:
		r.tuned.Store(math.Float64bits(r.meter.pace(math.Float64frombits(r.tuned.Load()))))
	default:
		if now := q.Capacity(); now != r.meter.capacity(now) {
			q.SetCapacity(r.meter.capacity(now))
		}
	}
}
