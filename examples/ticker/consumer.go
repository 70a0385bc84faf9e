package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/fsmediator/mediator/examples/ticker/market"
)

// consumer reads a stream of quotes until the market has ended. When its stream fails,
// or when it has been away, it comes back for what is newest then.
type consumer struct {
	name       string
	takes      time.Duration // for a quote
	stay, away time.Duration // 0: it stays to the end
	subscribe  func(ctx context.Context, after uint64) iter.Seq2[market.Quote, error]
	newest     func(context.Context) (uint64, error)
	onQuote    func(market.Quote) // may be nil
	log        *journal

	mu    sync.Mutex
	state reception
}

// reception is what a consumer got.
type reception struct {
	Connected   bool
	Connections uint64
	Failures    uint64 // streams that ended with an error
	Received    uint64
	Missed      uint64        // numbers that were left out between two quotes of a stream
	Disorder    uint64        // quotes that came a second time or too late
	Lag         time.Duration // from the tape to here, of the last quote
	Last        market.Quote
}

// comeBackAfter is how long a consumer whose stream has failed stays away.
const comeBackAfter = time.Second

// run returns when the market has ended, which over says, and the consumer has what
// was on its way to it, or when ctx ends.
func (c *consumer) run(ctx context.Context, over <-chan struct{}) error {
	var after uint64
	for {
		left, err := c.connect(ctx, after)
		away := c.away
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			c.log.add("%s: the stream has failed: %v", c.name, err)
			away = comeBackAfter
		case !left:
			return nil
		default:
			c.log.add("%s: has left, for %v", c.name, c.away)
		}
		timer := time.NewTimer(away)
		select {
		case <-timer.C:
		case <-over:
			timer.Stop()
			return nil
		}
		if after, err = c.newest(ctx); err != nil {
			return fmt.Errorf("%s: where the market is: %w", c.name, err)
		}
		c.log.add("%s: is back", c.name)
	}
}

// errLeft is why a consumer's context ends that does not stay.
var errLeft = errors.New("the consumer has left")

// connect reads one stream. It returns true if the consumer has left it before its end.
func (c *consumer) connect(ctx context.Context, after uint64) (left bool, err error) {
	c.update(func(r *reception) { r.Connected = true; r.Connections++ })
	defer c.update(func(r *reception) { r.Connected = false })
	if c.stay > 0 {
		// Not a timeout: that would mean that the market was too slow.
		var leave context.CancelCauseFunc
		ctx, leave = context.WithCancelCause(ctx)
		defer leave(nil)
		defer time.AfterFunc(c.stay, func() { leave(errLeft) }).Stop()
	}
	last := after
	for q, err := range c.subscribe(ctx, after) {
		switch {
		case errors.Is(err, errLeft):
			return true, nil
		case err != nil:
			if ctx.Err() == nil {
				c.update(func(r *reception) { r.Failures++ })
			}
			return false, err
		}
		c.take(q, last)
		last = max(last, q.Number)
		pause(ctx, c.takes)
	}
	return false, nil
}

func (c *consumer) take(q market.Quote, last uint64) {
	if c.onQuote != nil {
		c.onQuote(q)
	}
	c.update(func(r *reception) {
		r.Received++
		r.Last, r.Lag = q, time.Since(q.At)
		if q.Number <= last {
			r.Disorder++
			return
		}
		r.Missed += q.Number - last - 1
	})
}

func (c *consumer) update(f func(r *reception)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state)
}

// reception returns what the consumer got so far.
func (c *consumer) reception() (r reception) {
	c.update(func(state *reception) { r = *state })
	return r
}

// pause takes d, less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
