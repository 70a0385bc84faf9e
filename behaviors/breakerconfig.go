package behaviors

import (
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
)

// BreakerConfig configures a [CircuitBreaker]. The zero value is that of
// [BreakerBalanced].
type BreakerConfig struct {
	// FailureRatio is the share of failures in the window, above 0 up to 1, from
	// which the breaker opens. Default: 0.5, or none if ConsecutiveFailures is set.
	FailureRatio float64
	// ConsecutiveFailures in a row, without a success between them, open the
	// breaker, whatever the window holds. A stream is a success between them once it
	// has delivered for a tenth of Window, or ended well. Default: 0, they do not matter.
	ConsecutiveFailures int
	// SlowCall is how long a call may take that is not slow; for a stream, how
	// long until its first item. Default: 0, no call is slow.
	SlowCall time.Duration
	// SlowRatio is the share of slow calls in the window from which the breaker
	// opens. A slow trial has failed. Default: 0.5 if SlowCall is set.
	SlowRatio float64
	// MinCalls is how many calls the window must hold for a ratio to count.
	// Default: 5.
	MinCalls int
	// Window is how long a call is remembered, at least 10ns. It slides in ten
	// steps, so some are forgotten up to a tenth of it earlier. Default: one minute.
	Window time.Duration

	// Break is how long the breaker stays open. Default: 30s, or MaxBreak if that is
	// shorter.
	Break time.Duration
	// BreakFactor is how much longer a break is than the one before, if the trials
	// between them failed. At least 1. Default: 2.
	BreakFactor float64
	// MaxBreak is the longest break, not shorter than Break. Default: ten times Break.
	MaxBreak time.Duration
	// Jitter is the share of a longer break, from 0 to 1, that is left to chance:
	// up to so much it is shorter, never shorter than Break. It keeps processes
	// apart that broke together. The first break is not jittered: the breaker's own
	// traffic decides when it begins. Default: 0.2; none if negative.
	Jitter float64
	// Trials is how many calls are let through after a break. When all have
	// succeeded the breaker closes, and when one fails it opens again. Default: 3.
	Trials int
	// TrialWait is the longest that a trial may take, for a stream until its first
	// item, before it counts as failed, at the next call. Default: Break.
	TrialWait time.Duration

	// Classify says what an error means. It is called concurrently, and not for the
	// errors of a call whose caller has cancelled: those are ignored. A context that
	// ended by a time limit, with [context.DeadlineExceeded] as its cause, is not
	// that. Default: [OutcomeOf].
	Classify func(err error) Outcome

	// PerHandler gives each subscriber of a notification a breaker of its own, with
	// the key "name to group". Without it, the subscribers of one event share a
	// breaker, and one that fails opens it for all of them: set it wherever the
	// breaker stands around several, unless they all depend on the same thing.
	// [Standard] sets it. Default: one for each message name, its key.
	PerHandler bool
	// Key gives the calls with the same key a breaker of their own: set it where one
	// message asks many things, such as the stream of a sensor, of which one may be
	// down. It is called for each call, concurrently. Default: as PerHandler says.
	Key func(c mediator.Call) string
	// MaxKeys bounds how many breakers there are. What comes later shares one, with
	// the key [BreakerOtherKeys]. Default: 1000.
	MaxKeys int

	// OnStateChange is called after each change, on the goroutine that made it and
	// with no lock held: it may use the Breaker. Two changes of one key may be
	// reported at once; their Number tells the order.
	OnStateChange func(c StateChange)
}

// BreakerOtherKeys is the key of what is more than [BreakerConfig.MaxKeys].
const BreakerOtherKeys = "(other)"

// BreakerSensitive opens early and comes back early: for what has a substitute.
func BreakerSensitive() BreakerConfig {
	return BreakerConfig{FailureRatio: 0.3, MinCalls: 3, Window: 30 * time.Second, Break: 15 * time.Second, Trials: 2}
}

// BreakerBalanced is what the zero [BreakerConfig] stands for.
func BreakerBalanced() BreakerConfig {
	return BreakerConfig{FailureRatio: 0.5, MinCalls: 5, Window: time.Minute, Break: 30 * time.Second, Trials: 3}
}

// BreakerResilient bears many failures: for what often fails by itself.
func BreakerResilient() BreakerConfig {
	return BreakerConfig{FailureRatio: 0.7, MinCalls: 10, Window: 2 * time.Minute, Break: time.Minute, Trials: 5}
}

// BreakerDatabase is for what talks to a database. Validation and business errors
// do not count, as everywhere: see [Business].
func BreakerDatabase() BreakerConfig {
	return BreakerConfig{FailureRatio: 0.4, MinCalls: 5, Window: time.Minute, Break: 45 * time.Second, Trials: 2, Classify: DatabaseOutcome}
}

// BreakerExternalAPI is for what calls a service of others. The statuses 400, 401,
// 403 and 404 do not count, see [ExternalAPIOutcome].
func BreakerExternalAPI() BreakerConfig {
	return BreakerConfig{FailureRatio: 0.6, MinCalls: 8, Window: 3 * time.Minute, Break: time.Minute, Trials: 3, Classify: ExternalAPIOutcome}
}

// complete returns c with its defaults. It panics if c makes no sense.
func (c BreakerConfig) complete() BreakerConfig {
	ratio := func(field string, v float64) {
		if !(v >= 0 && v <= 1) {
			panic(fmt.Sprintf("behaviors: CircuitBreaker: %s is %v, not a share from 0 to 1", field, v))
		}
	}
	ratio("FailureRatio", c.FailureRatio)
	ratio("SlowRatio", c.SlowRatio)
	ratio("Jitter", max(c.Jitter, 0))
	for field, v := range map[string]int64{"ConsecutiveFailures": int64(c.ConsecutiveFailures), "MinCalls": int64(c.MinCalls),
		"Trials": int64(c.Trials), "MaxKeys": int64(c.MaxKeys), "SlowCall": int64(c.SlowCall), "Window": int64(c.Window),
		"Break": int64(c.Break), "MaxBreak": int64(c.MaxBreak), "TrialWait": int64(c.TrialWait)} {
		if v < 0 {
			panic(fmt.Sprintf("behaviors: CircuitBreaker: %s is negative: %d", field, v))
		}
	}
	switch {
	case c.SlowRatio > 0 && c.SlowCall == 0:
		panic("behaviors: CircuitBreaker: SlowRatio without SlowCall: no call is slow")
	case c.BreakFactor != 0 && !(c.BreakFactor >= 1):
		panic(fmt.Sprintf("behaviors: CircuitBreaker: BreakFactor is %v, less than 1", c.BreakFactor))
	case c.MaxBreak > 0 && c.Break > c.MaxBreak:
		panic(fmt.Sprintf("behaviors: CircuitBreaker: Break %v is longer than MaxBreak %v", c.Break, c.MaxBreak))
	case c.Window > 0 && c.Window < windowSlices:
		panic(fmt.Sprintf("behaviors: CircuitBreaker: Window is %v, too short for its ten steps", c.Window))
	case c.Key != nil && c.PerHandler:
		panic("behaviors: CircuitBreaker: Key and PerHandler contradict each other")
	}
	if c.FailureRatio == 0 && c.ConsecutiveFailures == 0 {
		c.FailureRatio = 0.5
	}
	if c.SlowCall > 0 {
		orDefault(&c.SlowRatio, 0.5)
	}
	orDefault(&c.MinCalls, 5)
	orDefault(&c.Window, time.Minute)
	if c.Break == 0 {
		c.Break = 30 * time.Second
		if c.MaxBreak > 0 {
			c.Break = min(c.Break, c.MaxBreak)
		}
	}
	orDefault(&c.BreakFactor, 2)
	orDefault(&c.MaxBreak, times(c.Break, 10))
	orDefault(&c.Jitter, 0.2)
	orDefault(&c.Trials, 3)
	orDefault(&c.TrialWait, c.Break)
	orDefault(&c.MaxKeys, 1000)
	c.Jitter = max(c.Jitter, 0)
	if c.Classify == nil {
		c.Classify = OutcomeOf
	}
	return c
}

// orDefault replaces a zero value.
func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}
