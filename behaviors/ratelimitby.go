package behaviors

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/tally"
)

// RateLimitBy is [RateLimitWith] with a [Limiter] for each key, such as a tenant: key
// tells a call's, by its context or its message, and limiter makes that of a key when it
// first comes, or returns nil for one without a limit. The first thousand keys have their own; what
// comes later shares that of [BreakerOtherKeys], so a key that anybody can make up wants
// a rest that is generous enough.
//
// Beside [Standard], its place is [StandardConfig].RateLimit: in front, nobody sees what
// it refuses; behind, a [Retry] tries that again.
//
// The scope of the readings is the key, after c.Name and a colon if there is one; a key
// that nothing was rejected for has none. key is called concurrently and must not keep
// the Call; limiter is called for one key at a time, and must not use the behavior. It
// panics if a function is nil, or MaxWait is negative.
func RateLimitBy(key func(ctx context.Context, c mediator.Call) string, limiter func(key string) Limiter, config ...RateLimitConfig) mediator.Behavior {
	c := onlyConfig("RateLimitBy", config)
	if key == nil || limiter == nil {
		panic("behaviors: RateLimitBy: a function is nil")
	}
	if c.MaxWait < 0 {
		panic(fmt.Sprintf("behaviors: RateLimitBy: MaxWait is negative: %v", c.MaxWait))
	}
	b := &rateLimitBy{key: key, limiter: limiter, c: c}
	b.limits.Store(&map[string]*rateLimit{})
	return b
}

type rateLimitBy struct {
	key     func(ctx context.Context, c mediator.Call) string
	limiter func(key string) Limiter
	c       RateLimitConfig
	limits  atomic.Pointer[map[string]*rateLimit] // replaced under mu, never changed; nil for a key without a limit
	mu      sync.Mutex
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
	outer = slices.DeleteFunc(slices.Clone(outer), isElsewhere)
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
		limits := *b.limits.Load()
		for _, key := range slices.Sorted(maps.Keys(limits)) {
			r := limits[key]
			if r == nil || r.rejected.Load() == 0 {
				continue
			}
			if !yield(Reading{Scope: r.name, Name: "rejections", Value: float64(r.rejected.Load())}) {
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
		if r := b.limit(b.key(ctx, c)); r != nil {
			if err := r.take(ctx); err != nil {
				return err
			}
		}
		return next(ctx, c)
	}
}

// limit returns that of the key, and makes it if need be.
func (b *rateLimitBy) limit(key string) *rateLimit {
	if r, ok := (*b.limits.Load())[key]; ok {
		return r
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	limits := *b.limits.Load()
	if _, ok := limits[key]; !ok && len(limits) >= tally.Max {
		key = BreakerOtherKeys
	}
	if r, ok := limits[key]; ok {
		return r
	}
	scope := key
	if b.c.Name != "" {
		scope = b.c.Name + ": " + key
	}
	var r *rateLimit
	if l := b.limiter(key); l != nil {
		r = newRateLimit("RateLimitBy", l, RateLimitConfig{Name: scope, MaxWait: b.c.MaxWait})
	}
	more := maps.Clone(limits)
	more[key] = r
	b.limits.Store(&more)
	return r
}
