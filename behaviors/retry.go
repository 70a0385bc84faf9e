package behaviors

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/tally"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// RetryConfig configures a [Retry]. Its zero value means the defaults.
type RetryConfig struct {
	// Retries is how many attempts may follow the first. For a stream it is how many
	// may follow each other without a new item. Default: 3.
	Retries int
	// Delay is the wait before the first retry, or, with a jitter, what the wait is
	// drawn from. Default: 200ms.
	Delay time.Duration
	// Backoff is how the wait grows. Default: [FullJitter].
	Backoff Backoff
	// MaxDelay is the longest wait. An error that asks for a longer one is not
	// retried ([ErrRetryTime]). Default: 30s, or Delay if that is longer; but for an
	// open breaker, see [Retry], one second.
	MaxDelay time.Duration
	// MaxTotal is how long after its begin a call may be retried: a retry that could
	// not begin in time is not waited for ([ErrRetryTime]), and the context of one
	// that runs ends then. The first attempt is not cut short, as that would
	// allocate; AttemptTimeout does it. For a stream the time begins again with each
	// attempt that delivered an item, and no attempt is cut short. Default: 0, no
	// limit.
	MaxTotal time.Duration
	// AttemptTimeout ends each attempt's context, as [Timeout] does. For a stream it
	// is for the first item of each attempt. Default: 0, no limit.
	AttemptTimeout time.Duration
	// RetryIf tells which errors are retried; see [ErrorIs], [ErrorAs] and [AnyError].
	// It is called concurrently. Default: [Retryable].
	RetryIf func(err error) bool
	// Budget bounds the retries by a share of the calls. Default: a Budget for each
	// handler, with the defaults of [BudgetConfig] but a Min of at least Retries, so
	// that a single call can be retried as often as it says. [NoBudget] for none.
	// A stream that has delivered items is not charged: it has one run at a time, which
	// Retries and the waits bound.
	Budget *Budget
	// OnRetry is called just before a retry begins, on the call's goroutine,
	// concurrently with other calls; ctx is that of the attempt. A behavior outside
	// can be told too, see [ObserveRetries]. Default: nil.
	OnRetry func(ctx context.Context, r RetryEvent)
	// Stream is what happens to a stream that fails after it has delivered items.
	// Default: [RestartUndelivered].
	Stream StreamMode
}

// RetryEvent is a retry that is about to begin.
type RetryEvent struct {
	Name    string        // the message's name
	Handler string        // the subscriber's group, for a notification
	Attempt int           // the number of the attempt, 2 for the first retry
	Waited  time.Duration // how long after the failure it begins
	Err     error         // the failure before it
}

// Retry runs what is inside of it again when it fails. A success, and an error
// that is not one to retry, pass as they are; what it gives up on is a
// [*RetryError]. A panic passes too, unless a [Recover] stands inside.
//
// An error that has a method RetryAfter() time.Duration, which returns more than
// 0, sets the wait before the next attempt itself. Where the wait would be longer
// than MaxDelay, or outlast the context's deadline or MaxTotal, the call fails at
// once. No attempt begins under a context that has ended.
//
// A breaker inside that is open asks for the rest of its break ([OpenError]). A
// Retry waits for it as long as MaxDelay allows if MaxDelay was set, and otherwise
// for a second at most: a breaker is there to have calls fail fast, so one that
// would wait longer fails at once, with the rejection. [mediator.New] warns of a
// MaxDelay that was set and is shorter than the break, while MaxTotal is longer.
//
// Handlers and the behaviors inside learn the number of the attempt from
// [Attempt]. On streams, see [StreamMode] and [ResumeFrom].
//
// It panics if c makes no sense. A call that succeeds at once allocates nothing,
// unless it has an AttemptTimeout or is a stream; MaxTotal costs it a look at the
// clock.
func Retry(c RetryConfig) mediator.Behavior {
	return newRetry(c)
}

func newRetry(c RetryConfig) *retry {
	r := &retry{RetryConfig: c.complete(), choseDelay: c.MaxDelay > 0, openDelay: time.Second}
	if r.choseDelay {
		r.openDelay = r.MaxDelay
	}
	return r
}

// complete returns c with its defaults.
func (c RetryConfig) complete() RetryConfig {
	if c.Retries < 0 {
		panic(fmt.Sprintf("behaviors: Retry: Retries is negative: %d", c.Retries))
	}
	for _, f := range []struct {
		field string
		value time.Duration
	}{{"Delay", c.Delay}, {"MaxDelay", c.MaxDelay}, {"MaxTotal", c.MaxTotal}, {"AttemptTimeout", c.AttemptTimeout}} {
		if f.value < 0 {
			panic(fmt.Sprintf("behaviors: Retry: %s is negative: %v", f.field, f.value))
		}
	}
	switch {
	case c.MaxDelay > 0 && c.Delay > c.MaxDelay:
		panic(fmt.Sprintf("behaviors: Retry: Delay %v is longer than MaxDelay %v", c.Delay, c.MaxDelay))
	case c.Backoff > Decorrelated:
		panic(fmt.Sprintf("behaviors: Retry: unknown Backoff %d", c.Backoff))
	case c.Stream > Redeliver:
		panic(fmt.Sprintf("behaviors: Retry: unknown Stream mode %d", c.Stream))
	}
	if c.Retries == 0 {
		c.Retries = 3
	}
	if c.Delay == 0 {
		c.Delay = 200 * time.Millisecond
		if c.MaxDelay > 0 {
			c.Delay = min(c.Delay, c.MaxDelay)
		}
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = max(30*time.Second, c.Delay)
	}
	if c.RetryIf == nil {
		c.RetryIf = Retryable
	}
	return c
}

type retry struct {
	scoped
	RetryConfig
	choseDelay bool          // the user has set MaxDelay
	openDelay  time.Duration // the longest wait for an open breaker
	stayDelay  time.Duration // of a stream that has delivered, if that is longer
	waitsOut   bool          // to be turned away by a breaker is no attempt: it uses up no retry
	retried    tally.Tally
}

// Readings gives the number of retries by message name; it makes a Retry a
// [Source].
func (r *retry) Readings() iter.Seq[Reading] { return r.retried.Readings("retries") }

// BehaviorName returns "Retry".
func (r *retry) BehaviorName() string { return "Retry" }

// CheckWiring warns of what a Retry cannot work with inside of it.
func (r *retry) CheckWiring(_, inner []mediator.Behavior) (warnings []string) {
	if hasBehavior(inner, "Retry") {
		warnings = append(warnings, "there is another Retry inside: where this one retries what that gave up on, attempts multiply; keep one of them")
	}
	if hasBehavior(inner, "Fallback") {
		warnings = append(warnings, "there is a Fallback inside: what it answers for is never retried; put the Fallback outside")
	}
	for _, b := range inner {
		if breaker, ok := unwrap.Innermost(b).(*Breaker); ok && neighbor.Surely(b) && r.missesBreak(breaker.c.Break) {
			warnings = append(warnings, fmt.Sprintf("MaxTotal would outlast the Break of the CircuitBreaker inside, but MaxDelay does not: "+
				"while it is open, calls fail at once; for them to wait, make MaxDelay %v at least", breaker.c.Break))
		}
	}
	return warnings
}

// missesBreak tells whether the config contradicts itself about a break. To fail at
// once is as good as to wait, so defaults do not.
func (r *retry) missesBreak(d time.Duration) bool {
	return r.choseDelay && r.MaxDelay < d && d < r.MaxTotal
}

func (r *retry) Wrap(next mediator.Next) mediator.Next {
	budget := r.Budget
	if budget == nil {
		budget = NewBudget(BudgetConfig{Min: max(3, r.Retries)})
	}
	attempt, stream := next, next
	if r.AttemptTimeout > 0 {
		attempt = Timeout(r.AttemptTimeout).Wrap(next)
		stream = firstItemWithin(r.AttemptTimeout, next)
	}
	return func(ctx context.Context, c mediator.Call) error {
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		budget.earn()
		var begun int64
		if r.MaxTotal > 0 {
			begun = nanosOf(c)
		}
		if c.Kind() == mediator.KindStream {
			s := &series{retry: r, budget: budget, ctx: ctx, call: c, begun: begun}
			return s.stream(stream)
		}
		if err := attempt(ctx, c); err != nil {
			err = r.again(ctx, c, budget, attempt, begun, err)
			c.Waited()
			return err
		}
		return nil
	}
}

// again is what follows the first attempt, which failed with err.
func (r *retry) again(ctx context.Context, c mediator.Call, b *Budget, next mediator.Next, begun int64, err error) error {
	s := &series{retry: r, budget: b, ctx: ctx, call: c, begun: begun}
	for {
		attempt, final := s.follow(err, nil)
		if final != nil {
			return final
		}
		cancel := func() {}
		if r.MaxTotal > 0 {
			attempt, cancel = context.WithTimeoutCause(attempt, s.left(), &TimeoutError{Limit: r.MaxTotal})
		}
		err = s.run(attempt, cancel, next)
		if err == nil {
			return nil
		}
	}
}

// run is one retry.
func (s *series) run(ctx context.Context, cancel context.CancelFunc, next mediator.Next) error {
	defer cancel()
	s.call.Waited()
	return ending.Told(ctx, next(ctx, s.call))
}
