package market

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// ErrCut is the error of a line that was cut.
var ErrCut = errors.New("the line was cut")

// FaultsConfig says what goes wrong on the lines between a market and its consumers.
type FaultsConfig struct {
	Cuts       float64       // the share of quotes, from 0 to 1, at which the line is cut
	StallEvery time.Duration // how often a line stalls, of whichever stream comes first; 0: never
	Seed       uint64
	// OnFault is told of each, concurrently: the name of the stream and what happened
	// to it. It may be nil.
	OnFault func(stream, what string)
}

// Faults are what goes wrong on the lines of a market. They are safe for concurrent
// use.
type Faults struct {
	c            FaultsConfig
	stalls, cuts atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
	due    time.Time       // when the next line stalls
	asked  map[string]bool // by stream
}

// NewFaults returns faults as configured, and those that [Faults.Stall] asks for.
func NewFaults(c FaultsConfig) *Faults {
	if c.OnFault == nil {
		c.OnFault = func(_, _ string) {}
	}
	return &Faults{c: c, random: rand.New(rand.NewPCG(c.Seed, 1)), due: time.Now().Add(c.StallEvery), asked: map[string]bool{}}
}

// Stall has a stream's line stall at its next quote.
func (f *Faults) Stall(stream string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[stream] = true
}

// Counts returns how many lines have stalled, and how many were cut.
func (f *Faults) Counts() (stalls, cuts int64) { return f.stalls.Load(), f.cuts.Load() }

// line is the quotes of a stream as they come out of a line. One that stalls is silent until its
// ctx ends, as a connection whose other end is gone, or until the market stops.
func (f *Faults) line(ctx context.Context, stream string, quotes iter.Seq2[Quote, error], stopped <-chan struct{}) iter.Seq2[Quote, error] {
	return func(yield func(Quote, error) bool) {
		for q, err := range quotes {
			if err == nil {
				stalls, cut := f.strike(stream)
				if stalls {
					f.c.OnFault(stream, "the line stalls")
					select {
					case <-ctx.Done():
						err = context.Cause(ctx)
					case <-stopped:
						return
					}
				} else if cut {
					f.c.OnFault(stream, "the line is cut")
					err = ErrCut
				}
			}
			if err != nil {
				yield(Quote{}, err)
				return
			}
			if !yield(q, nil) {
				return
			}
		}
	}
}

// strike decides what happens to the line of a stream that has a quote now.
func (f *Faults) strike(stream string) (stalls, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	every := f.c.StallEvery > 0 && !now.Before(f.due)
	if f.asked[stream] || every {
		delete(f.asked, stream)
		if every {
			f.due = now.Add(f.c.StallEvery)
		}
		f.stalls.Add(1)
		return true, false
	}
	if f.c.Cuts > 0 && f.random.Float64() < f.c.Cuts {
		f.cuts.Add(1)
		return false, true
	}
	return false, false
}
