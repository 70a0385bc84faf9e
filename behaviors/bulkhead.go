package behaviors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

// BulkheadConfig configures a [Bulkhead].
type BulkheadConfig struct {
	// Limit is how many calls run at a time. Default: 25.
	Limit int
	// Queue is how many calls wait for others to end, at most; they are let in in
	// the order they came. Default: 0, none waits.
	Queue int
	// MaxWait is how long a call waits at most. Default: 0, until its context ends.
	MaxWait time.Duration
}

// ErrFull means that a bulkhead had no place for a call. The error is a [*FullError].
var ErrFull = errors.New("bulkhead is full")

// FullError is a call that a bulkhead did not let in. It is [ErrFull].
type FullError struct {
	Limit, Queue int
	Waited       time.Duration // 0 if the queue was full
	Err          error         // if the context ended while it waited: its error and cause
}

// Error tells what was full, or how long the call has waited.
func (e *FullError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("bulkhead is full: %d run, waited %v: %v", e.Limit, e.Waited, e.Err)
	case e.Waited > 0:
		return fmt.Sprintf("bulkhead is full: %d run, waited %v", e.Limit, e.Waited)
	}
	return fmt.Sprintf("bulkhead is full: %d run, %d wait", e.Limit, e.Queue)
}

// Unwrap returns [ErrFull] and Err.
func (e *FullError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrFull}
	}
	return []error{ErrFull, e.Err}
}

// Bulkhead returns a behavior that lets a limited number of calls run at a time,
// of all the handlers it is put around together: a value for each handler gives
// each its own limit. What finds no place gets a [*FullError]. A stream has its
// place until its run ends. A place is freed however a call ends, by a panic and
// [runtime.Goexit] too.
//
// A handler that sends a message through the bulkhead it runs in itself needs a
// second place while it holds the first: with a queue, enough of them wait for
// each other until MaxWait.
//
// It panics if a number is negative, or more than 2^31-1.
func Bulkhead(c BulkheadConfig) mediator.Behavior {
	if c.Limit < 0 || c.Queue < 0 || c.MaxWait < 0 {
		panic(fmt.Sprintf("behaviors: Bulkhead: Limit is %d, Queue %d, MaxWait %v: none can be negative", c.Limit, c.Queue, c.MaxWait))
	}
	orDefault(&c.Limit, 25)
	if c.Limit > maxPlaces || c.Queue > maxPlaces {
		panic(fmt.Sprintf("behaviors: Bulkhead: Limit is %d, Queue %d: more than %d", c.Limit, c.Queue, maxPlaces))
	}
	return &bulkhead{places: places{limit: uint64(c.Limit), queue: c.Queue, maxWait: c.MaxWait}}
}

type bulkhead struct {
	places   places
	rejected atomic.Uint64
}

// BehaviorName returns "Bulkhead".
func (b *bulkhead) BehaviorName() string { return "Bulkhead" }

// CheckWiring warns of a Recover that stands inside alone.
func (b *bulkhead) CheckWiring(outer, inner []mediator.Behavior) []string {
	if hasBehavior(inner, "Recover") && !hasBehavior(outer, "Recover") {
		return []string{"Recover stands inside only: put it outside, where it covers all behaviors"}
	}
	return nil
}

// hasBehavior tells whether one of the behaviors has the name.
func hasBehavior(bs []mediator.Behavior, name string) bool {
	return slices.ContainsFunc(bs, func(b mediator.Behavior) bool {
		n, ok := b.(mediator.BehaviorNamer)
		return ok && n.BehaviorName() == name
	})
}

// Wrap implements [mediator.Behavior].
func (b *bulkhead) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		if !b.places.try() {
			if err := b.places.wait(ctx); err != nil {
				b.rejected.Add(1)
				return err
			}
		}
		defer b.places.leave()
		return next(ctx, c)
	}
}

// Readings implements [Source].
func (b *bulkhead) Readings() iter.Seq[Reading] {
	word := b.places.word.Load()
	return slices.Values([]Reading{
		{Name: "running", Value: float64(word % onePlaceWaiting), Gauge: true},
		{Name: "waiting", Value: float64(word / onePlaceWaiting), Gauge: true},
		{Name: "rejections", Value: float64(b.rejected.Load())},
	})
}
