package behaviors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// Limiter is what [RateLimit] asks. [NewLimiter] returns one, and *rate.Limiter of
// golang.org/x/time is one. Its methods are called concurrently.
//
// A Limiter may also implement interface{ RetryAfter() time.Duration }, to tell
// when Allow may be true again, and interface{ WaitAtMost(context.Context,
// time.Duration) error }, see [GCRA.WaitAtMost].
type Limiter interface {
	// Allow takes a place now, or returns false.
	Allow() bool
	// Wait takes a place and blocks until its time has come, or returns an error
	// and takes none.
	Wait(ctx context.Context) error
}

// ErrLimited means that a rate limit did not let a call through. If it is known when
// to come back, the error is a [*LimitedError].
var ErrLimited = errors.New("rate limit reached")

// soonest is when to come back to what has room again since it has refused.
const soonest = time.Microsecond

// LimitedError is a call over a rate limit that is known to have room again. It is
// [ErrLimited].
type LimitedError struct{ after time.Duration }

// Error tells when to come back.
func (e *LimitedError) Error() string { return fmt.Sprintf("%v: come back in %v", ErrLimited, e.after) }

// Unwrap returns [ErrLimited].
func (e *LimitedError) Unwrap() error { return ErrLimited }

// RetryAfter tells when to come back: after that time, one call would have been
// let through if nobody else had come. It is not 0, which says that nobody knows, also
// where there is room again by now.
func (e *LimitedError) RetryAfter() time.Duration { return e.after }

// RateLimit returns a behavior that lets through what l allows, of all the
// handlers it is put around together, and rejects the rest with [ErrLimited];
// [RateLimitBy] has a limit for each tenant, or other key. A stream counts once, when
// its run begins. It does not run a call whose context has ended. It panics if l is
// nil.
//
// A request that a handler sends counts as well, and may be refused while the one
// that sends it is half done: put it around what comes from outside alone, by [When].
func RateLimit(l Limiter) mediator.Behavior {
	return newRateLimit("RateLimit", l, RateLimitConfig{})
}

// RateLimitWait is [RateLimit], but has calls wait for their time, maxWait at
// most; a call that would have to wait longer, or until after its context's
// deadline, is rejected at once with [ErrLimited]. A call whose context ends
// while it waits gives its place back. maxWait bounds how many calls wait; it
// panics if that is not positive.
func RateLimitWait(l Limiter, maxWait time.Duration) mediator.Behavior {
	if maxWait <= 0 {
		panic(fmt.Sprintf("behaviors: RateLimitWait: maxWait is %v, not positive", maxWait))
	}
	return newRateLimit("RateLimitWait", l, RateLimitConfig{MaxWait: maxWait})
}

// RateLimitConfig configures [RateLimitWith]. Its zero value means the defaults.
type RateLimitConfig struct {
	// Name is the scope of the readings: it tells limits apart that stand around one
	// mediator. Default: "".
	Name string
	// MaxWait is how long a call waits at most, as with [RateLimitWait]. Default: 0,
	// it does not.
	MaxWait time.Duration
	// MaxKeys bounds how many keys of a [RateLimitBy] have a limit of their own. It is for
	// that alone: [RateLimitWith] panics if it is set. Default: 1000.
	MaxKeys int
}

// RateLimitWith is [RateLimit], or [RateLimitWait], with a name. It panics if l is
// nil or MaxWait is negative.
func RateLimitWith(l Limiter, c RateLimitConfig) mediator.Behavior {
	if c.MaxWait < 0 {
		panic(fmt.Sprintf("behaviors: RateLimitWith: MaxWait is negative: %v", c.MaxWait))
	}
	if c.MaxKeys != 0 {
		panic(fmt.Sprintf("behaviors: RateLimitWith: MaxKeys is %d, and it has one limit: take RateLimitBy", c.MaxKeys))
	}
	return newRateLimit("RateLimitWith", l, c)
}

func newRateLimit(constructor string, l Limiter, c RateLimitConfig) *rateLimit {
	if l == nil {
		panic("behaviors: " + constructor + ": the limiter is nil")
	}
	r := &rateLimit{l: l, name: c.Name, maxWait: c.MaxWait}
	r.teller, _ = l.(interface{ RetryAfter() time.Duration })
	r.waiter, _ = l.(interface {
		WaitAtMost(ctx context.Context, d time.Duration) error
	})
	return r
}

type rateLimit struct {
	scoped
	l       Limiter
	name    string
	maxWait time.Duration // 0: reject
	teller  interface{ RetryAfter() time.Duration }
	waiter  interface {
		WaitAtMost(ctx context.Context, d time.Duration) error
	}
	rejected atomic.Uint64
}

// BehaviorName returns "RateLimit".
func (r *rateLimit) BehaviorName() string { return "RateLimit" }

const limitedTwice = "a RateLimit with the same Limiter stands around it, so a call counts twice: remove one, or make another Limiter"

// CheckWiring warns of a RateLimit with the same Limiter outside. Only of pointers it
// is known that what is equal is the same.
func (r *rateLimit) CheckWiring(outer, _ []mediator.Behavior) []string {
	if reflect.ValueOf(r.l).Kind() != reflect.Pointer {
		return nil
	}
	for _, b := range outer {
		if other, ok := unwrap.Innermost(b).(*rateLimit); ok && other.l == r.l && neighbor.Surely(b) {
			return []string{limitedTwice}
		}
	}
	return nil
}

// Readings implements [Source].
func (r *rateLimit) Readings() iter.Seq[Reading] {
	return slices.Values([]Reading{{Scope: r.name, Name: "rejections", Value: float64(r.rejected.Load())}})
}

// Wrap implements [mediator.Behavior].
func (r *rateLimit) Wrap(next mediator.Next) mediator.Next {
	if own, ok := r.l.(*GCRA); ok && r.maxWait == 0 {
		// Without the interface in between, Allow is a few instructions.
		return func(ctx context.Context, c mediator.Call) error {
			if ctx.Err() != nil || !own.allowAt(c) {
				return r.refuse(ctx)
			}
			return next(ctx, c)
		}
	}
	return func(ctx context.Context, c mediator.Call) error {
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		err := r.take(ctx)
		c.Waited()
		if err != nil {
			return err
		}
		return next(ctx, c)
	}
}

func (r *rateLimit) take(ctx context.Context) error {
	switch {
	case r.maxWait > 0:
		return r.wait(ctx)
	case r.l.Allow():
		return nil
	}
	return r.refuse(ctx)
}

func (r *rateLimit) refuse(ctx context.Context) error {
	if ctx.Err() != nil {
		return ending.Of(ctx)
	}
	r.rejected.Add(1)
	if r.teller != nil {
		return &LimitedError{after: max(r.teller.RetryAfter(), soonest)}
	}
	return ErrLimited
}

func (r *rateLimit) wait(ctx context.Context) error {
	var err error
	if r.waiter != nil {
		err = r.waiter.WaitAtMost(ctx, r.maxWait)
	} else {
		limited, cancel := context.WithTimeout(ctx, r.maxWait)
		err = r.l.Wait(limited)
		cancel()
	}
	switch {
	case err == nil && ctx.Err() == nil:
		return nil
	case ctx.Err() != nil:
		return ending.Of(ctx)
	}
	r.rejected.Add(1)
	switch {
	case errors.Is(err, ErrLimited):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		// It is that of the wait, not one of the call, which would be a timeout.
		return fmt.Errorf("%w: no place came within %v", ErrLimited, r.maxWait)
	}
	return fmt.Errorf("%w: %w", ErrLimited, err)
}
