package health

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tick is the time between two looks.
func (c *Config) tick() time.Duration {
	d := min(c.Interval, c.Window)
	if c.Stall > 0 {
		d = min(d, c.Stall)
	}
	return max(time.Millisecond, min(d/10, time.Second))
}

// looking is what has the looks happen: a timer, and a goroutine while it looks. So
// between the looks there is no goroutine that could outlive the streams.
type looking struct {
	next  atomic.Int64 // when the next look is due; never, if there is none to come
	under atomic.Bool  // a look is under way

	mu       sync.Mutex   // one look at a time
	chain    uint64       // of looks; a timer that belongs to an older one has no effect
	due      int64        // when to report
	activity uint64       // at the latest look, see Monitor.busy
	lifted   []Adjustment // since the latest report
}

const (
	never = math.MinInt64
	// overdue is after what time a look that is due is not to come any more, and how
	// much later than a look apart it cannot be due: timers of a bubble of
	// testing/synctest end with the bubble, and the next one has another time.
	overdue = int64(time.Second)
)

// pending tells whether a look is to come.
func (m *Monitor) pending(now int64) bool {
	next := m.looking.next.Load()
	return next != never && now-next < overdue && next-now < m.tickEvery+overdue
}

// keepLooking has looks begin if there are none. A call counts as begun before
// that, and the last look looks for calls that have, after it has said that there
// is no other.
func (m *Monitor) keepLooking(now int64) {
	if m.pending(now) || m.looking.under.Load() {
		return
	}
	l := &m.looking
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.pending(now) {
		return
	}
	l.under.Store(true)
	defer l.under.Store(false)
	l.chain++
	if l.due <= now || l.due > now+int64(m.c.Interval) {
		l.due = now + int64(m.c.Interval)
	}
	if l.next.Load() == never {
		m.rested(now)
	}
	m.look(now) // whence the windows begin
	m.lookAgain(now)
}

// lookAgain arranges for the next look. The caller holds looking.mu.
func (m *Monitor) lookAgain(now int64) {
	l := &m.looking
	chain := l.chain
	l.next.Store(now + m.tickEvery)
	time.AfterFunc(time.Duration(m.tickEvery), func() { m.tick(chain) })
}

// tick is called by the timer.
func (m *Monitor) tick(chain uint64) {
	l := &m.looking
	l.mu.Lock()
	defer l.mu.Unlock()
	if chain != l.chain {
		return
	}
	l.under.Store(true)
	defer l.under.Store(false)
	quiet := false
	defer func() { // also if a policy calls Goexit
		if !quiet {
			m.lookAgain(nanos())
		}
	}()
	now := nanos()
	recovering := m.look(now)
	busy, activity := m.busy()
	quiet = !busy && !recovering && activity == l.activity
	l.activity = activity
	if now >= l.due || quiet {
		if l.due += int64(m.c.Interval); l.due <= now {
			l.due = now + int64(m.c.Interval)
		}
		m.report()
	}
	if quiet {
		l.next.Store(never)
		l.under.Store(false) // what begins from here on starts the looks, what began before is seen now
		busy, activity = m.busy()
		quiet = !busy && activity == l.activity
	}
}

// rested tells the windows that nothing has happened since the last look. What has begun
// before this one may have ended before it as well, and is not of the time in between.
func (m *Monitor) rested(until int64) {
	m.mu.Lock()
	tallies := slices.Clip(m.tallies)
	m.mu.Unlock()
	for _, t := range tallies {
		t.mu.Lock()
		t.window.rest(until)
		t.mu.Unlock()
	}
}

// busy tells whether streams or calls run, and what has changed whenever something
// began, ended or was noted: so where it has not since the look before, that one has seen
// all there is.
func (m *Monitor) busy() (busy bool, activity uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	busy = len(m.runs) > 0
	for _, t := range m.tallies {
		busy = busy || t.inProgress() > 0
		activity += t.started.Load() + t.ended.Load() + t.noted.Load()
	}
	return busy, activity
}

func (m *Monitor) readMemory() uint64 {
	m.guarded("Config.Memory", func() {
		now := m.c.Memory()
		m.memory.Store(now)
		for {
			peak := m.peak.Load()
			if now <= peak || m.peak.CompareAndSwap(peak, now) {
				return
			}
		}
	})
	return m.memory.Load()
}

// view is the streams and messages at a moment. What a stream delivered is either
// in settled or in runs.
type view struct {
	runs    []*run
	tallies []*tally
	items   []uint64 // by tally
	stalled []uint64
	crowds  []crowd
}

// crowd is how many streams of a message run, and how many of them are unhealthy.
type crowd struct{ running, unhealthy uint64 }

func (c *crowd) add(s Status) {
	c.running++
	if s >= Unhealthy {
		c.unhealthy++
	}
}

// status is what the streams make of the message's.
func (c crowd) status(limit float64) Status {
	switch {
	case c.unhealthy == 0:
		return Healthy
	case limit >= 0 && share(c.unhealthy, c.running) >= limit:
		return Unhealthy
	}
	return Warning
}

func (m *Monitor) collect() view {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := view{runs: slices.Clone(m.runs), tallies: slices.Clip(m.tallies)}
	v.items, v.stalled, v.crowds = make([]uint64, len(v.tallies)), make([]uint64, len(v.tallies)), make([]crowd, len(v.tallies))
	for i, t := range v.tallies {
		v.items[i] = t.items
	}
	return v
}

// look is done at each tick. It tells whether a message is not healthy yet.
func (m *Monitor) look(at int64) (recovering bool) {
	memory := m.readMemory()
	v := m.collect()
	for _, r := range v.runs {
		if r.look(at, memory, &m.c) {
			m.lift(r, at)
		}
		v.items[r.tally.place] += r.items.Load()
	}
	for i, t := range v.tallies {
		recovering = t.look(at, v.items[i], &m.c) || recovering
	}
	return recovering
}
