package main

import (
	"sync/atomic"

	"github.com/fsmediator/mediator/backpressure"
)

// tally is what the handlers and the consumers of a scenario have counted, apart from its boundaries.
type tally struct {
	yielded  atomic.Uint64
	passed   atomic.Uint64 // yielded, and more is wanted
	received atomic.Uint64
}

// holdAgainst checks counts, which snapshot takes, while the scenario runs.
func (t *tally) holdAgainst(f *findings, what string, snapshot func() backpressure.Counts) {
	least, leastReceived := t.passed.Load(), t.received.Load()
	c := snapshot()
	most := t.yielded.Load()
	checkCounts(f, what, c)
	f.check(least <= c.Produced && c.Produced <= most, "%s: %+v, and the handlers have yielded %d to %d", what, c, least, most)
	f.check(leastReceived <= c.Delivered, "%s: %+v, and the consumers have received %d", what, c, leastReceived)
}

// checkCounts adds a finding if the counts do not add up, or cannot be.
func checkCounts(f *findings, what string, c backpressure.Counts) {
	lost := c.Dropped + c.SampledOut + c.Abandoned
	f.check(c.Produced == c.Delivered+lost+uint64(c.Queued) && c.Queued >= 0 && c.Delivered <= c.Produced && lost <= c.Produced,
		"%s: %+v does not add up", what, c)
}
