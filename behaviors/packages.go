package behaviors

import (
	"log/slog"
	"time"

	"github.com/fsmediator/mediator"
)

// StandardConfig says what [Standard] is made of, beside what it always is.
type StandardConfig struct {
	Logger   *slog.Logger // default: slog.Default, as it is now
	Recorder *Recorder    // default: none
	// DeadLetters is the behavior of package deadletter. It stands around
	// notifications alone: nobody else knows of a subscriber that has failed, whereas
	// the caller of a request has the error and mostly sends again; and of requests
	// that send requests each would leave a letter, so that a redrive of all of them
	// does the same more than once. Whoever wants letters of one request puts a
	// behavior around that alone, outside of the retries. Default: none.
	DeadLetters mediator.Behavior
	Log         LogConfig  // levels, progress of streams, bodies; default: as Log has it
	Slow        SlowConfig // default: as Slow has it; Logger is used if it has none
	// Limiter is for RateLimit, which stands around requests and the beginnings of
	// streams, each of which takes from it, nested requests too. Not around
	// subscribers: an event that has happened cannot come later, so one that is refused
	// is a dead letter for nothing. Default: no limit.
	Limiter Limiter
	// RateLimit takes the place of Limiter's, around the same calls: a [RateLimitBy], for
	// a limit for each tenant, or a [When] around one, for requests from outside alone.
	// There the Recorder and the log see what it refuses, and nothing that it refuses is
	// retried, or holds a place of the Bulkhead. It panics if Limiter is given, too.
	// Default: as Limiter says.
	RateLimit mediator.Behavior
	// Bulkhead stands around requests and streams, with PerHandler set: each handler
	// has Limit places of its own, so that one that sends a request does not wait for
	// a place it holds itself, and streams, which stay for long, take none from
	// requests. Not around subscribers, for the same reason as Limiter. Default: none.
	Bulkhead *BulkheadConfig
	// Retry stands around all three kinds: each subscriber is retried by itself, a
	// stream as its [StreamMode] says. A nested request is retried
	// within each attempt of the one that sends it, which does not repeat what was
	// given up on ([Retryable]). Default: no retries.
	Retry *RetryConfig
	// Timeout is of each attempt of a request or a subscriber. A stream may go on for
	// as long as its consumer likes: whoever wants a limit puts a [Timeout] around its
	// handler, or sets RetryConfig.AttemptTimeout for the first item. Default: none. It
	// panics if it is negative.
	Timeout time.Duration
	// Breaker has PerHandler set if neither that nor Key is: one subscriber that fails
	// is no reason to keep an event from the others. Default: none.
	Breaker *BreakerConfig
}

// Standard returns behaviors for all handlers of a mediator, in the order that is
// right, the outermost first:
//
//	Log, Recorder   see how each call ended, also those that were turned down
//	dead letters    keep what subscribers have failed for good: outside of the retries,
//	                and of Recover, whose errors they keep
//	Recover         outside of whatever holds something that a panic must give back
//	Slow            takes the time with all retries
//	Validate        first of what turns calls down: a message that is wrong uses up nothing
//	RateLimit, Bulkhead   limit requests and streams, and calls, not attempts, so that
//	                a retry keeps its place; each handler has places of its own
//	Retry           outside of the breaker, so that attempts are counted and stop when it opens
//	CircuitBreaker  one for each request and each subscriber, outside of Timeout, so
//	                that it counts what took too long
//	Timeout         of each attempt of a request or a subscriber; streams are not cut
//
// Without a config, these are Log, Recover, Slow and Validate: what is safe around
// handlers nobody has thought about. Whether a handler may be run twice, or which
// of its errors mean that it is down, is for who wires it to say. Handlers that need
// others are an exception, see [Except]. It takes at most one config, and panics as its
// parts do.
func Standard(config ...StandardConfig) []mediator.Behavior {
	c := onlyConfig("Standard", config)
	l := loggerOr(c.Logger)
	if c.Slow.Logger == nil {
		c.Slow.Logger = l
	}
	bs := observers(LogWith(l, c.Log), c.Recorder)
	if c.DeadLetters != nil {
		bs = append(bs, forKinds(c.DeadLetters, mediator.KindNotification))
	}
	bs = append(bs, Recover(), Slow(c.Slow), Validate())
	limit := c.RateLimit
	if c.Limiter != nil {
		if limit != nil {
			panic("behaviors: Standard: Limiter and RateLimit are both given: choose one")
		}
		limit = RateLimit(c.Limiter)
	}
	if limit != nil {
		bs = append(bs, forKinds(limit, mediator.KindRequest, mediator.KindStream))
	}
	if c.Bulkhead != nil {
		bulkhead := *c.Bulkhead
		bulkhead.PerHandler = true
		bs = append(bs, forKinds(Bulkhead(bulkhead), mediator.KindRequest, mediator.KindStream))
	}
	if c.Retry != nil {
		bs = append(bs, Retry(*c.Retry))
	}
	if c.Breaker != nil {
		breaker := *c.Breaker
		breaker.PerHandler = breaker.PerHandler || breaker.Key == nil
		bs = append(bs, CircuitBreaker(breaker))
	}
	if c.Timeout != 0 {
		bs = append(bs, forKinds(Timeout(c.Timeout), mediator.KindRequest, mediator.KindNotification))
	}
	return bs
}

// StreamingConfig says what goes into [StreamingResilience] and
// [StreamingPlatinum], beside what they always are.
type StreamingConfig struct {
	Logger   *slog.Logger // default: slog.Default, as it is now
	Recorder *Recorder    // default: none
	// DeadLetters is the behavior of package deadletter, for streams that have failed
	// for good. Their callers have the error, too. Default: none.
	DeadLetters mediator.Behavior
	// Health is a monitor of package health, Backpressure a behavior of package
	// backpressure: they import this package's neighbors, not the other way round.
	// Default: none. StreamingResilience has no place for Health.
	Health, Backpressure mediator.Behavior
	// Retry and Breaker take the place of the values of FS.Mediator 9.0. To bear
	// longer outages than those, set a Retry with more Retries and a MaxDelay. With a
	// MaxDelay, one's own waits for an open breaker as that of the package does; without
	// it, for a second at most.
	Retry   *RetryConfig
	Breaker *BreakerConfig
	// BreakerKey gives the streams with the same key a breaker of their own, so that a
	// source that is down does not shut out the streams from others:
	//
	//	func(c mediator.Call) string { return c.Message().(Readings).Sensor }
	//
	// It is [BreakerConfig.Key], for the breaker of the package too; it panics if
	// Breaker has one already. Default: one breaker for each message name.
	BreakerKey func(c mediator.Call) string
}

// guards is the retries and the breaker of c, or r and b. A stream that has delivered
// waits for the end of any break, any other for 30s at most.
func (c StreamingConfig) guards(r RetryConfig, b BreakerConfig) []mediator.Behavior {
	if c.Breaker != nil {
		b = *c.Breaker
	}
	if c.BreakerKey != nil {
		if b.Key != nil {
			panic("behaviors: StreamingConfig: BreakerKey and the Key of Breaker contradict each other")
		}
		b.Key = c.BreakerKey
	}
	if c.Retry != nil {
		r = *c.Retry
	} else {
		r.MaxDelay = 30 * time.Second
	}
	retry := newRetry(r)
	if r.MaxDelay > 0 {
		retry.waitsOut, retry.stayDelay = true, b.complete().MaxBreak
	}
	retry.choseDelay = c.Retry != nil && retry.choseDelay // what the user did not choose is nothing to be warned of
	return []mediator.Behavior{retry, CircuitBreaker(b)}
}

// seen is what sees what the caller gets, and the boundary inside of it.
func (c StreamingConfig) seen(observers []mediator.Behavior) []mediator.Behavior {
	return append(append(observers, optional(c.DeadLetters)...), optional(c.Backpressure)...)
}

// StreamingResilience returns behaviors for streams, the outermost first: Log (every
// 1000 items or 30s); the recorder if given; dead letters if given; backpressure if
// given, so that the others see the pace of the handler; Retry (twice, after 2s and
// 4s, within 5 minutes); CircuitBreaker (60 % of at least 3 calls in 5 minutes, for 2
// minutes); Slow (first item after 5s, fewer than 10 items a second). The values are
// those of FS.Mediator 9.0, the C# library whose features this one has.
//
// What it keeps up, and for how long, is as with [StreamingPlatinum].
//
// It takes at most one config.
func StreamingResilience(config ...StreamingConfig) []mediator.Behavior {
	c := onlyConfig("StreamingResilience", config)
	l := loggerOr(c.Logger)
	bs := c.seen(observers(LogWith(l, LogConfig{ProgressItems: 1000, ProgressEvery: 30 * time.Second}), c.Recorder))
	bs = append(bs, c.guards(
		RetryConfig{Retries: 2, Delay: 2 * time.Second, Backoff: Exponential, MaxTotal: 5 * time.Minute},
		BreakerConfig{FailureRatio: 0.6, MinCalls: 3, Window: 5 * time.Minute, Break: 2 * time.Minute})...)
	return append(bs, Slow(SlowConfig{FirstItem: 5 * time.Second, MinRate: 10, Logger: l}))
}

// StreamingPlatinum returns behaviors for streams that must stay up, the outermost
// first: the recorder if given; dead letters if given; backpressure if given, so that
// the others see the pace of the handler; MemoryGuard ([MemoryGuardBalanced]); the
// health monitor if given, best with the preset DataProcessing; Slow (first item
// after 5s, fewer than 10 items a second); Retry (twice, after 1s and 2s, within 3
// minutes); CircuitBreaker (50 % of at least 3 calls in 3 minutes, for a minute); Log
// (every 2500 items or 45s), which being inside of Retry has a line for each attempt.
// The values are those of FS.Mediator 9.0, the C# library whose features this one
// has.
//
// To stay up after its first item, a stream needs one thing more: its handler calls
// [ResumeFrom] to go on where it was, or [StreamingConfig].Retry sets
// [RetryConfig.Stream] to [SkipDelivered], for handlers that yield the same items
// each time, or [Redeliver]. Without that, a failure after an item is the end of the
// stream, as items would be delivered twice.
//
// With it, a stream bears any number of interruptions, for days: each item begins the
// retries and their time anew, and a run that is resumed after items is no failure to
// the breaker. It ends when it fails three times in a row without an item, so the
// values above bear an outage of 3s (StreamingResilience: 6s), or when there is no
// item for the 3 minutes (5) of the retries. If the breaker is open, which the
// failures of other streams may have done, a stream that has delivered waits for the
// break to end, however long within those minutes, and one that has not for 30s at
// most (the MaxDelay of a Retry of one's own); to be turned away by the breaker uses up no retry. To bear longer outages, set
// [StreamingConfig].Retry, with a MaxDelay.
//
// It takes at most one config.
func StreamingPlatinum(config ...StreamingConfig) []mediator.Behavior {
	c := onlyConfig("StreamingPlatinum", config)
	l := loggerOr(c.Logger)
	var bs []mediator.Behavior
	if c.Recorder != nil {
		bs = append(bs, c.Recorder)
	}
	bs = append(c.seen(bs), MemoryGuard(MemoryGuardBalanced()))
	bs = append(bs, optional(c.Health)...)
	bs = append(bs, Slow(SlowConfig{FirstItem: 5 * time.Second, MinRate: 10, Logger: l}))
	bs = append(bs, c.guards(
		RetryConfig{Retries: 2, Delay: time.Second, Backoff: Exponential, MaxTotal: 3 * time.Minute},
		BreakerConfig{FailureRatio: 0.5, MinCalls: 3, Window: 3 * time.Minute, Break: time.Minute})...)
	return append(bs, LogWith(l, LogConfig{ProgressItems: 2500, ProgressEvery: 45 * time.Second}))
}

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}

// observers is the log and, if there is one, the recorder.
func observers(log mediator.Behavior, r *Recorder) []mediator.Behavior {
	if r == nil {
		return []mediator.Behavior{log}
	}
	return []mediator.Behavior{log, r}
}

// optional is b, if there is one.
func optional(b mediator.Behavior) []mediator.Behavior {
	if b == nil {
		return nil
	}
	return []mediator.Behavior{b}
}
