package behaviors

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

// RateLimitBy is [RateLimitWith] with a [Limiter] for each key, such as a tenant: key
// tells a call's, by its context or its message, and limiter makes that of a key when it
// first comes, or returns nil for one without a limit. Up to [RateLimitConfig].MaxKeys
// keys have their own; what comes when there are as many shares that of
// [BreakerOtherKeys], so a key that anybody can make up wants a rest that is generous
// enough. Keys that are idle make room, at most once a second: those without a limit, and
// those whose limiter, a [GCRA] or one with the methods Tokens() float64 and Burst() int,
// such as *rate.Limiter, has all of its burst again, so that one made anew is the same.
//
// Beside [Standard], its place is [StandardConfig].RateLimit: in front, nobody sees what
// it refuses; behind, a [Retry] tries that again.
//
// The scope of the readings is the key, after c.Name and a colon if there is one; a key
// that nothing was rejected for has none, and what was rejected for keys that made room
// is that of BreakerOtherKeys. key is called concurrently and must not keep the Call.
// limiter is called concurrently for different keys, once at a time for each: while it
// runs, calls of its key wait. It must not use the behavior. RateLimitBy panics if a
// function is nil, or MaxWait or MaxKeys is negative.
func RateLimitBy(key func(ctx context.Context, c mediator.Call) string, limiter func(key string) Limiter, config ...RateLimitConfig) mediator.Behavior {
	c := onlyConfig("RateLimitBy", config)
	if key == nil || limiter == nil {
		panic("behaviors: RateLimitBy: a function is nil")
	}
	if c.MaxWait < 0 {
		panic(fmt.Sprintf("behaviors: RateLimitBy: MaxWait is negative: %v", c.MaxWait))
	}
	if c.MaxKeys < 0 {
		panic(fmt.Sprintf("behaviors: RateLimitBy: MaxKeys is negative: %d", c.MaxKeys))
	}
	orDefault(&c.MaxKeys, 1000)
	return &rateLimitBy{key: key, name: c.Name, limits: newLimits(c.MaxKeys, func(key string) *rateLimit {
		l := limiter(key)
		if l == nil {
			return nil
		}
		return newRateLimit("RateLimitBy", l, RateLimitConfig{MaxWait: c.MaxWait})
	})}
}

type rateLimitBy struct {
	key    func(ctx context.Context, c mediator.Call) string
	name   string
	limits *limits
}

// BehaviorName returns "RateLimit".
func (b *rateLimitBy) BehaviorName() string { return "RateLimit" }

const keepsPlaces = "it stands inside of a Retry that a Bulkhead stands around: calls over the limit of one key wait there for the " +
	"next attempt and keep places that those of other keys need; put it outside, see StandardConfig.RateLimit"

// CheckWiring warns of the same RateLimit outside, and of a Bulkhead whose places are
// kept by calls over the limit of one key while a Retry waits.
func (b *rateLimitBy) CheckWiring(outer, _ []mediator.Behavior) (warnings []string) {
	if isAmong(outer, b) {
		warnings = append(warnings, limitedTwice)
	}
	for i := range slices.Backward(outer) {
		if hasBehavior(outer[i:i+1], "Retry") {
			if hasBehavior(outer[:i], "Bulkhead") {
				warnings = append(warnings, keepsPlaces)
			}
			break
		}
	}
	return warnings
}

// Readings implements [Source].
func (b *rateLimitBy) Readings() iter.Seq[Reading] {
	return func(yield func(Reading) bool) {
		rejections := b.limits.rejections()
		for _, key := range slices.Sorted(maps.Keys(rejections)) {
			scope := key
			if b.name != "" {
				scope = b.name + ": " + key
			}
			if !yield(Reading{Scope: scope, Name: "rejections", Value: float64(rejections[key])}) {
				return
			}
		}
	}
}

// Wrap implements [mediator.Behavior].
func (b *rateLimitBy) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		r, err := b.limits.of(ctx, b.key(ctx, c))
		if err != nil {
			return err
		}
		if r != nil {
			if err := r.take(ctx); err != nil {
				return err
			}
		}
		return next(ctx, c)
	}
}
