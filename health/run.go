package health

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
)

// run is one run of a stream, as the Monitor's place in its chain sees it.
type run struct {
	tally *tally
	call  mediator.Call
	id    uint64
	began int64
	outer *run // of another Monitor, around this one

	// The consumer's. n counts the items. They are published when n reaches due:
	// each one while they come slowly, each 256th while they come fast. The
	// looks set due to 0 so that the next one is published in any case.
	n    uint64
	due  atomic.Uint64
	step uint64
	at   int64 // when it last published
	_    [64]byte

	// Published.
	items       atomic.Uint64
	first, last atomic.Int64 // valid if there are items
	noted       atomic.Uint64

	place int // in Monitor.runs; under Monitor.mu

	mu          sync.Mutex // for the rest
	window      window
	health      hysteresis
	seen        uint64 // items, at the latest look
	quiet       int64  // no item has come since then
	startMemory uint64
	peakMemory  uint64
	memory      uint64
	rate        float64
	peakRate    float64
	usual       float64 // rate, 0: not known
	looked      int64   // when
	queues      queues
	adjusting   adjusting

	// Set when it has ended.
	over bool
	end  int64
	err  error
}

const (
	maxStep = 256
	atOnce  = 64 // items from the first on that are published each
	// spare is how long items may go unpublished, at the pace they come at.
	spare = int64(time.Millisecond)
)

// item returns what is called for each item.
func (r *run) item() func() {
	return func() {
		r.n++
		if r.n >= r.due.Load() {
			r.publish()
		}
	}
}

// publish makes the count visible. To read the clock and to write what others
// read costs more than an item, so while items come fast it is done for some only.
func (r *run) publish() {
	now := nanos()
	if r.n == 1 {
		r.first.Store(now)
	}
	if now-r.at < spare && r.n > atOnce {
		r.step = min(2*r.step, maxStep)
	} else {
		r.step = 1
	}
	r.at = now
	r.last.Store(now)
	r.items.Store(r.n)
	r.due.Store(r.n + r.step)
}

// settle publishes the rest when the run has ended. What fast items are left came
// in the time since then.
func (r *run) settle(now int64) {
	if r.n > r.items.Load() {
		r.last.Store(min(now, r.at+spare))
		r.items.Store(r.n)
	}
}

// conclude says how the run ended.
func (r *run) conclude(at int64, v verdict, err error) {
	r.end, r.over, r.err = at, true, err
	r.queues.count(r.call.QueueCounts())
	if v == failed {
		r.health.status = Failed
		r.health.found = append(slices.Clip(r.health.found), Finding{Reason: Failure, Status: Failed, Err: err})
	}
}

// look judges the run, and tells whether there is a pace to lift. Runs that have ended
// are not looked at any more.
func (r *run) look(at int64, memory uint64, c *Config) (lift bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.memory, r.peakMemory = memory, max(r.peakMemory, memory)
	lift = r.queues.look(r.call.Queues(), at)
	r.queues.count(r.call.QueueCounts())
	due, items := r.due.Load(), r.items.Load()
	if items != r.seen {
		r.seen, r.quiet = items, r.last.Load()
		if due != items+1 {
			r.quiet = at // one that was not published may have come until now
		}
	}
	if due > items+1 {
		r.due.Store(0)
	}
	now := r.now(at)
	change := r.window.change(now, c.Window)
	r.window.add(now, c.Window)
	r.rate = change.rate(c.Window)
	r.peakRate = max(r.peakRate, r.rate)
	r.health.look(r.judge(at, change, c), c.Recovery)
	r.average(at, c)
	return lift
}

// now is the counts for the window.
func (r *run) now(at int64) counts {
	return counts{at: at, good: r.items.Load(), bad: r.noted.Load(), produced: r.queues.produced, dropped: r.queues.dropped}
}

// judge is what is wrong with the run.
func (r *run) judge(at int64, change counts, c *Config) (found []Finding) {
	find := func(reason Reason, s Status, value, limit float64) {
		found = append(found, Finding{Reason: reason, Status: s, Value: value, Limit: limit})
	}
	age := time.Duration(at - r.began)
	if quiet := time.Duration(at - r.quiet); c.Stall > 0 && quiet >= c.Stall {
		s := Unhealthy
		if r.queues.depth > 0 {
			s = Warning // it is the consumer that takes none
		}
		find(Stalled, s, quiet.Seconds(), c.Stall.Seconds())
	}
	if r.rate < c.MinRate && age >= c.Window {
		find(LowThroughput, Warning, r.rate, c.MinRate)
	}
	if limit := r.usual * c.Degraded; r.rate < limit && age >= 2*c.Window && r.usual*c.Window.Seconds() >= leastUsual {
		find(Degradation, Warning, r.rate, limit)
	}
	if growth := int64(r.memory) - int64(r.startMemory); c.MaxGrowth >= 0 && growth > c.MaxGrowth {
		find(HighMemory, Warning, float64(growth), float64(c.MaxGrowth)) // others may have grown
	}
	if f, ok := errorRate(change, c); ok {
		found = append(found, f)
	}
	if got := share(change.dropped, change.produced); c.MaxDropRate >= 0 && change.dropped > 0 && got >= c.MaxDropRate {
		find(Exhaustion, Warning, got, c.MaxDropRate)
	} else if r.queues.full(at) >= c.Window {
		find(Exhaustion, Warning, 1, 1)
	}
	return found
}

// leastUsual is how many items a window must hold for a usual rate to mean something.
const leastUsual = 20

// average has the usual rate follow the present one slowly.
func (r *run) average(at int64, c *Config) {
	elapsed := time.Duration(at - r.looked)
	r.looked = at
	if time.Duration(at-r.began) < c.Window {
		return
	}
	if r.usual == 0 {
		r.usual = r.rate
		return
	}
	weight := min(1, elapsed.Seconds()/(10*c.Window).Seconds())
	r.usual += weight * (r.rate - r.usual)
}

// report is the figures at a time, without the queues. The caller holds mu.
func (r *run) report(c clock, cfg *Config) Stream {
	at := c.nanos
	if r.over {
		at = r.end
	}
	now := r.now(at)
	s := Stream{
		ID: r.id, Name: r.tally.key.name, Status: r.health.status, Findings: slices.Clone(r.health.found),
		interval: cfg.Interval, Started: c.time(r.began), Items: now.good, Errors: now.bad,
		Memory: r.memory, PeakMemory: r.peakMemory, StartMemory: r.startMemory,
		Rate:    r.window.change(now, cfg.Window).rate(cfg.Window),
		Dropped: r.queues.dropped, Skipped: r.queues.skipped,
		Adjusted: r.adjusting.count, Interrupts: r.adjusting.interrupts,
	}
	s.PeakRate = max(r.peakRate, s.Rate)
	if now.good > 0 {
		s.FirstItem, s.LastItem = c.time(r.first.Load()), c.time(r.last.Load())
	}
	if r.over {
		s.Ended, s.Err = c.time(r.end), r.err
		if r.health.status == Failed {
			s.Errors++
		}
	}
	return s
}

type runKey struct{}

// NoteError counts an error of the stream whose handler or behaviors run with ctx,
// and that goes on all the same: a row that is malformed and skipped, an attempt
// that a retry repeats (as [behaviors.RetryConfig].OnRetry tells). It takes part in
// the error rate whatever error it is, also if the end of a run by it would not: who
// notes it calls it an error. It returns false if ctx is not that of a stream which a
// [Monitor] watches, or err is nil. It may be called by any goroutine, also once the stream
// has ended: then the error is one of [Totals] alone, of the time when it is noted.
//
// [behaviors.RetryConfig]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#RetryConfig
func NoteError(ctx context.Context, err error) bool {
	r, _ := ctx.Value(runKey{}).(*run)
	if r == nil || err == nil {
		return false
	}
	for ; r != nil; r = r.outer {
		r.noted.Add(1)
		r.tally.noted.Add(1)
		r.tally.monitor.keepLooking(nanos())
	}
	return true
}
