package behaviors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

// MemoryGuardConfig configures a [MemoryGuard]. The zero value is that of
// [MemoryGuardBalanced].
type MemoryGuardConfig struct {
	// Limit is the number of bytes in use from which calls are refused. Default:
	// 512 MiB.
	Limit uint64
	// High is the share of Limit, above 0 up to 1, from which calls are slowed
	// down. Default: 0.8.
	High float64
	// Growth is the number of bytes a second that are no reason to worry. If memory
	// grows faster, and would reach Limit within an Interval, calls are slowed
	// down below High already. Default: 10 MiB.
	Growth uint64
	// Interval is how long growth is measured for. Default: 30s.
	Interval time.Duration
	// Sample is how long a look at the memory holds good. Default: a hundredth of
	// Interval, at least 10ms: a limit that is looked at every 30s limits nothing.
	Sample time.Duration
	// Delay is how long a call is held up at most: the whole of it just below
	// Limit, less the further away. Default: 100ms; none if negative.
	Delay time.Duration
	// Usage returns the number of bytes in use. Default: those of heap objects,
	// collected or not, and of stacks, as runtime/metrics has them.
	Usage func() uint64
}

const mib = 1 << 20

// MemoryGuardConstrained is for small containers.
func MemoryGuardConstrained() MemoryGuardConfig {
	return MemoryGuardConfig{Limit: 256 * mib, Growth: 5 * mib, Interval: 15 * time.Second}
}

// MemoryGuardHighPerformance is for servers with memory to spare.
func MemoryGuardHighPerformance() MemoryGuardConfig {
	return MemoryGuardConfig{Limit: 1024 * mib, Growth: 50 * mib, Interval: time.Minute}
}

// MemoryGuardBalanced is what the zero [MemoryGuardConfig] stands for.
func MemoryGuardBalanced() MemoryGuardConfig {
	return MemoryGuardConfig{Limit: 512 * mib, Growth: 10 * mib, Interval: 30 * time.Second}
}

// MemoryGuardDevelopment is for a developer's machine.
func MemoryGuardDevelopment() MemoryGuardConfig {
	return MemoryGuardConfig{Limit: 2048 * mib, Growth: 100 * mib, Interval: 10 * time.Second}
}

// ErrMemory means that a memory guard refused a call. The error is a [*MemoryError].
var ErrMemory = errors.New("memory limit reached")

// MemoryError is a call that a memory guard refused. It is [ErrMemory].
type MemoryError struct {
	Used, Limit uint64 // bytes

	after time.Duration
}

// Error tells how much is in use.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("%v: %d MiB of %d MiB in use", ErrMemory, e.Used/mib, e.Limit/mib)
}

// Unwrap returns [ErrMemory].
func (e *MemoryError) Unwrap() error { return ErrMemory }

// RetryAfter tells when the memory will be looked at again.
func (e *MemoryError) RetryAfter() time.Duration { return e.after }

// MemoryGuard returns a behavior that slows down and then refuses new calls as
// the memory in use comes near a limit, so that those in progress can end. What
// runs is left alone, streams too. It looks at the memory when a call comes, not
// more often than c says, and never makes the garbage collector run. So set the
// runtime's memory limit (GOMEMLIMIT) somewhat lower than Limit: then garbage
// is collected before calls are refused for it.
//
// While it refuses calls, little is allocated, and garbage could stay for long. So
// where a look finds Limit still reached, and no collection has ended since the
// look before, it lets one call through.
//
// It panics if c makes no sense.
func MemoryGuard(c MemoryGuardConfig) mediator.Behavior {
	if !(c.High >= 0 && c.High <= 1) || c.Interval < 0 || c.Sample < 0 {
		panic(fmt.Sprintf("behaviors: MemoryGuard: High is %v, Interval %v, Sample %v: a share from 0 to 1, and times that are not negative", c.High, c.Interval, c.Sample))
	}
	orDefault(&c.Limit, 512*mib)
	orDefault(&c.High, 0.8)
	orDefault(&c.Growth, 10*mib)
	orDefault(&c.Interval, 30*time.Second)
	orDefault(&c.Sample, max(c.Interval/100, 10*time.Millisecond))
	orDefault(&c.Delay, 100*time.Millisecond)
	if c.Usage == nil {
		c.Usage = memoryInUse
	}
	g := &memoryGuard{c: c}
	g.next.Store(math.MinInt64)
	return g
}

type memoryGuard struct {
	scoped
	c       MemoryGuardConfig
	next    atomic.Int64 // when to look again
	used    atomic.Uint64
	delay   atomic.Int64 // of a call, in nanoseconds
	refused atomic.Uint64
	spare   atomic.Bool // one call may pass although the limit is reached

	mu       sync.Mutex
	measured bool
	over     bool   // the latest look found the limit reached,
	cycles   uint64 // after so many collections
	since    int64  // when growth was last measured,
	from     uint64
	growth   float64 // and what it was, in bytes a second
}

// BehaviorName returns "MemoryGuard".
func (g *memoryGuard) BehaviorName() string { return "MemoryGuard" }

// Readings implements [Source].
func (g *memoryGuard) Readings() iter.Seq[Reading] {
	return slices.Values([]Reading{
		{Name: "used", Value: float64(g.used.Load()), Gauge: true},
		{Name: "rejections", Value: float64(g.refused.Load())},
	})
}

// Wrap implements [mediator.Behavior].
func (g *memoryGuard) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		if now := nanosOf(c); now >= g.next.Load() {
			g.look(now)
			c.Waited()
		}
		if used := g.used.Load(); used >= g.c.Limit {
			if g.spare.Load() && g.spare.CompareAndSwap(true, false) {
				return next(ctx, c)
			}
			g.refused.Add(1)
			return &MemoryError{Used: used, Limit: g.c.Limit, after: max(time.Duration(g.next.Load()-nanos()), soonest)}
		}
		if d := g.delay.Load(); d > 0 {
			err := hold(ctx, time.Duration(d))
			c.Waited()
			if err != nil {
				return err
			}
		}
		return next(ctx, c)
	}
}

// hold blocks for d, or until ctx ends.
func hold(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ending.Of(ctx)
	}
}

// look measures the memory, on one goroutine at a time: the others go by what was
// found before.
func (g *memoryGuard) look(now int64) {
	if !g.mu.TryLock() {
		return
	}
	defer g.mu.Unlock()
	if g.measured && now < g.next.Load() {
		return
	}
	used := g.c.Usage()
	switch elapsed := now - g.since; {
	case !g.measured:
		g.measured, g.since, g.from = true, now, used
	case elapsed >= int64(g.c.Interval):
		g.growth = (float64(used) - float64(g.from)) / time.Duration(elapsed).Seconds()
		g.since, g.from = now, used
	}
	g.spare.Store(g.isStuck(used))
	g.used.Store(used)
	g.delay.Store(int64(g.delayAt(float64(used))))
	g.next.Store(now + int64(g.c.Sample))
}

// isStuck tells whether the limit is reached, as it was at the look before, and
// no collection has ended since: then nobody knows how much of it is garbage.
func (g *memoryGuard) isStuck(used uint64) bool {
	if used < g.c.Limit {
		g.over = false
		return false
	}
	cycles := collections()
	stuck := g.over && cycles == g.cycles
	g.over, g.cycles = true, cycles
	return stuck
}

// delayAt is how long a call is held up with so many bytes in use.
func (g *memoryGuard) delayAt(used float64) time.Duration {
	limit := float64(g.c.Limit)
	if g.growth > float64(g.c.Growth) && used+g.growth*g.c.Interval.Seconds() >= limit {
		return max(g.c.Delay, 0)
	}
	high := limit * g.c.High
	if used < high || high >= limit {
		return 0
	}
	return time.Duration(float64(max(g.c.Delay, 0)) * (used - high) / (limit - high))
}
