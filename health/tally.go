package health

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
)

// tallyKey is what has figures of its own.
type tallyKey struct {
	name, handler string
	kind          mediator.Kind
}

// tally is the figures of one message.
type tally struct {
	key     tallyKey
	started atomic.Uint64
	calls   inFlight
	_       [56]byte // what begins and what ends is counted in different cache lines

	ended, failed                atomic.Uint64
	canceled, declined, rejected atomic.Uint64 // what ended, but says nothing of the handler
	noted                        atomic.Uint64 // by NoteError

	monitor *Monitor
	place   int    // in Monitor.tallies
	items   uint64 // of streams that have ended; under Monitor.mu

	mu       sync.Mutex // for the rest
	window   window
	health   hysteresis
	peakRate float64
}

// end counts the end of a call.
func (t *tally) end(v verdict) {
	switch v {
	case succeeded:
	case failed:
		t.failed.Add(1)
	case canceled:
		t.canceled.Add(1)
	case declined:
		t.declined.Add(1)
	case rejected:
		t.rejected.Add(1)
	}
	t.ended.Add(1)
}

// inProgress is what has begun and not ended. If calls end all the time while it
// looks, it may be a little too high.
func (t *tally) inProgress() uint64 {
	const looks = 100
	ended := t.ended.Load()
	for range looks {
		started := t.started.Load()
		now := t.ended.Load()
		if now == ended {
			return started - ended
		}
		ended = now
	}
	return t.started.Load() - ended
}

// now is the counts for the window, given the items of all streams.
func (t *tally) now(at int64, items uint64) counts {
	c := counts{at: at, good: items, bad: t.failed.Load() + t.noted.Load()}
	if t.key.kind != mediator.KindStream {
		c.good += less(t.ended.Load(), t.failed.Load()+t.canceled.Load()+t.declined.Load()+t.rejected.Load())
	}
	return c
}

// look judges the message, and remembers its counts. It tells whether the message
// is not healthy.
func (t *tally) look(at int64, items uint64, c *Config) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now(at, items)
	change := t.window.change(now, c.Window)
	t.window.add(now, c.Window)
	t.peakRate = max(t.peakRate, change.rate(c.Window))
	var found []Finding
	if f, ok := errorRate(change, c); ok {
		found = append(found, f)
	}
	if t.key.kind != mediator.KindStream && c.Stall > 0 && t.inProgress() > 0 {
		if n, longest := t.calls.longerThan(c.Stall, at); n > 0 {
			found = append(found, Finding{Reason: Stalled, Status: Warning, Value: longest.Seconds(), Limit: c.Stall.Seconds()})
		}
	}
	t.health.look(found, c.Recovery)
	return t.health.status != Healthy
}

// leastOutcomes is how many items, calls and errors a share of errors needs.
const leastOutcomes = 10

func errorRate(change counts, c *Config) (Finding, bool) {
	all := change.good + change.bad
	if got := share(change.bad, all); c.MaxErrorRate >= 0 && change.bad > 0 && all >= leastOutcomes && got >= c.MaxErrorRate {
		return Finding{Reason: HighErrorRate, Status: Unhealthy, Value: got, Limit: c.MaxErrorRate}, true
	}
	return Finding{}, false
}

// report is the figures at a time, given those of all streams.
func (t *tally) report(at int64, items, stalled uint64, c *Config) Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now(at, items)
	change := t.window.change(now, c.Window)
	r := Totals{
		Name: t.key.name, Kind: t.key.kind, Handler: t.key.handler,
		Status: t.health.status, Findings: slices.Clone(t.health.found),
		InFlight: t.inProgress(), Failed: t.failed.Load(), Canceled: t.canceled.Load(),
		Declined: t.declined.Load(), Rejected: t.rejected.Load(),
		Errors: now.bad, Rate: change.rate(c.Window), ErrorRate: share(change.bad, change.good+change.bad),
	}
	r.PeakRate = max(t.peakRate, r.Rate)
	r.Started = max(t.started.Load(), r.InFlight)
	r.Items, r.Stalled = items, stalled
	if t.key.kind != mediator.KindStream && c.Stall > 0 && r.InFlight > 0 {
		n, _ := t.calls.longerThan(c.Stall, at)
		r.Stalled += uint64(n)
	}
	return r
}
