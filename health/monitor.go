package health

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// Monitor is a [mediator.Behavior] that watches the streams, requests and
// notifications that go through it, see the package's documentation. One Monitor
// may stand around any number of handlers, around each of them once.
//
// All methods are safe for concurrent use. Make one with [New], and in tests one for
// each bubble of testing/synctest: the looks of a Monitor end with the bubble in which
// they began.
type Monitor struct {
	c         Config
	tickEvery int64 // time between two looks
	checks    checks
	notices   *lane // to the log, which may block
	lanes     []*lane

	byKey   atomic.Pointer[map[tallyKey]*tally] // replaced under mu, never changed
	looking looking
	memory  atomic.Uint64 // at the latest look
	peak    atomic.Uint64
	ready   atomic.Bool
	closing atomic.Bool
	panics  atomic.Uint64

	mu          sync.Mutex
	runs        []*run
	lastID      uint64
	tallies     []*tally
	other       *tally
	ended       log[Stream]
	adjustments log[Adjustment]
	sources     []*source

	reported struct{ ended, activity uint64 } // by the latest report for the reporters
}

// New returns a Monitor. It starts nothing until a call goes through it. It panics
// if c makes no sense.
func New(c Config) *Monitor {
	m := &Monitor{c: c.complete()}
	m.tickEvery = int64(m.c.tick())
	m.byKey.Store(&map[tallyKey]*tally{})
	m.looking.next.Store(never)
	m.looking.lifted = []Adjustment{}
	m.ready.Store(true)
	m.ended, m.adjustments = newLog[Stream](m.c.Recent), newLog[Adjustment](recentAdjustments)
	for _, s := range m.c.Sources {
		m.sources = append(m.sources, &source{Source: s, given: true})
	}
	m.checks.ttl = m.c.CheckTTL
	for _, check := range m.c.Checks {
		m.AddCheck(check)
	}
	for _, r := range m.c.Reporters {
		m.lanes = append(m.lanes, &lane{monitor: m, to: r})
	}
	m.notices = &lane{monitor: m, to: ReporterFunc(m.notice)}
	return m
}

const recentAdjustments = 32

// BehaviorName returns "Health".
func (m *Monitor) BehaviorName() string { return "Health" }

// MediatorClosing is part of [mediator.CloseWatcher]: from then on /readyz says no.
// A Monitor of several mediators is not ready once one of them closes.
func (m *Monitor) MediatorClosing() { m.closing.Store(true) }

// SetReady says whether the process is ready, apart from the checks; a Monitor is
// from the start. Say no before New is done with what must be warm, and in an
// emergency. It does not make up for a mediator that is closed.
func (m *Monitor) SetReady(ready bool) { m.ready.Store(ready) }

// isReady is without the checks.
func (m *Monitor) isReady() bool { return m.ready.Load() && !m.closing.Load() }

// CheckWiring is part of [mediator.WiringChecker]: it warns if the Monitor stands
// around a handler twice, for then it counts every call twice. It also finds the
// behaviors around the handler that are a [Source], and warns of one that it cannot
// take up.
func (m *Monitor) CheckWiring(outer, inner []mediator.Behavior) (warnings []string) {
	for s := range sourcesAmong(outer, inner) {
		if !reflect.ValueOf(s).Comparable() {
			warnings = append(warnings, fmt.Sprintf("%T is a health.Source of a type that cannot be compared, so it is not asked: give New its address", s))
			continue
		}
		m.addSource(s)
	}
	inside := func(b mediator.Behavior) bool {
		return neighbor.Surely(b) && unwrap.Innermost(b) == mediator.Behavior(m)
	}
	// One that stands further outside, as it is, is asked itself.
	hidden := func(b mediator.Behavior) bool { return b != mediator.Behavior(m) && inside(b) }
	if slices.ContainsFunc(inner, inside) || slices.ContainsFunc(outer, hidden) {
		warnings = append(warnings, "the same Monitor stands around the handler more than once, so it counts every call as often: remove one, or make another Monitor")
	}
	return warnings
}

// LeaveWiring is part of [mediator.WiringLeaver]: it lets go of what CheckWiring has
// found.
func (m *Monitor) LeaveWiring(outer, inner []mediator.Behavior) {
	for s := range sourcesAmong(outer, inner) {
		m.removeSource(s)
	}
}

// ConfinesCall implements [mediator.CallConfiner]: the Calls of streams alone are
// interrupted from another goroutine.
func (m *Monitor) ConfinesCall() bool { return true }

// SharesClock implements [mediator.ClockSharer].
func (m *Monitor) SharesClock() bool { return true }

// Wrap is part of [mediator.Behavior].
func (m *Monitor) Wrap(next mediator.Next) mediator.Next {
	// Only a subscriber to an interface gets messages of several names.
	var usual atomic.Pointer[tally]
	return func(ctx context.Context, c mediator.Call) (err error) {
		t := usual.Load()
		if t == nil || t.key.name != c.Name() {
			found := m.tallyOf(tallyKey{c.Name(), c.Handler(), c.Kind()})
			if t == nil {
				usual.Store(found)
			}
			t = found
		}
		if c.Kind() == mediator.KindStream {
			return m.stream(ctx, c, next, t)
		}
		t.started.Add(1)
		now := int64(c.Now())
		at := t.calls.enter(now)
		m.keepLooking(now)
		returned := false
		defer func() {
			if !returned {
				err = errPanicked // it goes on
			}
			at.leave()
			t.end(verdictOf(ctx, err))
			if err != nil {
				c.Waited()
			}
		}()
		err = next(ctx, c)
		returned = true
		return err
	}
}

// stream is Wrap for one run of a stream.
func (m *Monitor) stream(ctx context.Context, c mediator.Call, next mediator.Next, t *tally) (err error) {
	r := m.begin(c, t)
	r.outer, _ = ctx.Value(runKey{}).(*run)
	returned := false
	defer func() {
		if !returned {
			err = errPanicked
		}
		if err != nil && c.Stopped() && isPanic(err) {
			err = nil // it is the consumer's
		}
		m.finish(ctx, r, err)
	}()
	err = next(context.WithValue(ctx, runKey{}, r), c.OnItem(r.item()))
	returned = true
	return err
}

// tallyOf finds the figures of key, and makes them if need be.
func (m *Monitor) tallyOf(key tallyKey) *tally {
	if t, ok := (*m.byKey.Load())[key]; ok {
		return t
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.byKey.Load()
	if t, ok := known[key]; ok {
		return t
	}
	if len(known) < m.c.MaxNames {
		more := maps.Clone(known)
		more[key] = m.newTally(key)
		m.byKey.Store(&more)
		return more[key]
	}
	if m.other == nil {
		m.other = m.newTally(tallyKey{name: OtherName})
	}
	return m.other
}

func (m *Monitor) newTally(key tallyKey) *tally {
	t := &tally{key: key, monitor: m, place: len(m.tallies)}
	t.window.add(counts{at: nanos()}, m.c.Window)
	m.tallies = append(m.tallies, t)
	return t
}

// begin enters a run.
func (m *Monitor) begin(c mediator.Call, t *tally) *run {
	now := nanos()
	if m.looking.next.Load() <= now { // there is none, or it is late
		m.readMemory()
	}
	r := &run{tally: t, call: c, began: now, quiet: now, looked: now}
	r.startMemory = m.memory.Load()
	r.memory, r.peakMemory = r.startMemory, r.startMemory
	r.window.add(counts{at: now}, m.c.Window)
	r.queues.before = c.QueueCounts()
	t.started.Add(1)
	m.mu.Lock()
	m.lastID++
	r.id, r.place = m.lastID, len(m.runs)
	m.runs = append(m.runs, r)
	m.mu.Unlock()
	m.keepLooking(now)
	return r
}

// finish takes a run out.
func (m *Monitor) finish(ctx context.Context, r *run, err error) {
	clock, v := readClock(), verdictOf(ctx, err)
	r.mu.Lock()
	r.settle(clock.nanos)
	r.conclude(clock.nanos, v, err)
	s := r.report(clock, &m.c)
	r.mu.Unlock()
	r.tally.end(v)

	m.mu.Lock()
	last := len(m.runs) - 1
	m.runs[last].place = r.place
	m.runs[r.place] = m.runs[last]
	m.runs[last] = nil
	m.runs = m.runs[:last]
	r.tally.items += r.items.Load()
	m.ended.add(s)
	m.mu.Unlock()
}

// guarded runs code that is not ours. A panic is counted and logged.
func (m *Monitor) guarded(whose string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			m.panics.Add(1)
			m.notices.send(Report{problems: []string{fmt.Sprintf("%s panicked: %v", whose, v)}})
		}
	}()
	f()
}

func (m *Monitor) logger() *slog.Logger {
	if m.c.Logger != nil {
		return m.c.Logger
	}
	return slog.Default()
}

// log is the latest of what happened.
type log[T any] struct {
	latest []T
	count  uint64 // ever
	limit  int
}

func newLog[T any](limit int) log[T] { return log[T]{latest: []T{}, limit: limit} }

func (l *log[T]) add(one T) {
	l.count++
	if l.limit == 0 {
		return
	}
	if len(l.latest) == l.limit {
		l.latest = append(l.latest[:0], l.latest[1:]...)
	}
	l.latest = append(l.latest, one)
}

// since is a copy of what came after the first n.
func (l *log[T]) since(n uint64) []T {
	return slices.Clone(l.latest[len(l.latest)-int(min(l.count-n, uint64(len(l.latest)))):])
}
