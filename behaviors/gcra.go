package behaviors

import (
	"container/list"
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

// GCRA is a [Limiter] by the generic cell rate algorithm (ITU-T I.371): what is
// left of a burst is one number, the time at which the bucket would be full
// again. That time never goes back, so that a clock reading that comes late
// gives nothing back. It is safe for concurrent use; Allow takes no lock.
type GCRA struct {
	full     atomic.Int64 // when the bucket is full again, see nanos
	queued   atomic.Int64
	interval int64 // nanoseconds a place
	burst    int64 // intervals

	mu    sync.Mutex
	queue list.List // of chan struct{}, closed when its turn has come: the first has it
}

// NewLimiter returns a limiter with perSecond places a second, of which up to
// burst may be saved up and taken at once; it begins with as many. A place takes
// a whole number of nanoseconds, so rates above some millions are approximate. It
// panics if perSecond is not above 0 and up to 1e9, or burst is less than 1.
func NewLimiter(perSecond float64, burst int) *GCRA {
	if !(perSecond > 0 && perSecond <= 1e9) {
		panic(fmt.Sprintf("behaviors: NewLimiter: perSecond is %v, not above 0 and up to 1e9", perSecond))
	}
	if burst < 1 {
		panic(fmt.Sprintf("behaviors: NewLimiter: burst is %d, less than 1", burst))
	}
	// A quarter of the range for each leaves the sums of them within it.
	const most = math.MaxInt64 / 4
	interval := int64(math.Round(min(1e9/perSecond, most)))
	if int64(burst) > most/interval {
		burst = int(most / interval)
	}
	g := &GCRA{interval: interval, burst: max(1, int64(burst)) * interval}
	g.full.Store(nanos())
	return g
}

// Allow takes a place if there is one and nobody waits for it.
func (g *GCRA) Allow() bool { return g.queued.Load() == 0 && g.take() }

// allowAt is Allow at the time of c.
func (g *GCRA) allowAt(c mediator.Call) bool { return g.queued.Load() == 0 && g.takeAt(nanosOf(c)) }

// take takes a place if there is one.
func (g *GCRA) take() bool { return g.takeAt(nanos()) }

// takeAt is take at a time that was read just before, or long before: the caller
// may have been interrupted in between.
func (g *GCRA) takeAt(now int64) bool {
	for {
		full := g.full.Load()
		after := max(full, now) + g.interval
		if after-now > g.burst {
			return false
		}
		if g.full.CompareAndSwap(full, after) {
			return true
		}
	}
}

// RetryAfter returns how long it takes until Allow may be true, 0 if it may be
// now.
func (g *GCRA) RetryAfter() time.Duration { return g.due(g.queued.Load()) }

// due returns how long it takes until there is a place behind so many others.
func (g *GCRA) due(ahead int64) time.Duration {
	now := nanos()
	places := float64(ahead+1) * float64(g.interval)
	d := float64(max(g.full.Load(), now)-now-g.burst) + places
	return time.Duration(min(max(d, 0), math.MaxInt64/2))
}

// Wait takes a place, in the order of the callers, and blocks until there is one.
// If ctx ends first it returns ctx's error and cause, and whoever waits behind
// moves up. If ctx has a deadline before the time of the place, it returns a
// [*LimitedError] at once.
func (g *GCRA) Wait(ctx context.Context) error { return g.WaitAtMost(ctx, math.MaxInt64) }

// WaitAtMost is Wait that also returns a [*LimitedError] at once if the place
// would come later than after d.
func (g *GCRA) WaitAtMost(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return ending.Of(ctx)
	}
	if g.Allow() {
		return nil
	}
	place, err := g.enter(ctx, d)
	if err != nil {
		return err
	}
	defer g.leave(place)
	select {
	case <-place.Value.(chan struct{}):
	case <-ctx.Done():
		return ending.Of(ctx)
	}
	for {
		// The turn, or the timer, may have come together with the end.
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		if g.take() {
			return nil
		}
		timer := time.NewTimer(g.due(0))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ending.Of(ctx)
		}
	}
}

// enter queues the caller.
func (g *GCRA) enter(ctx context.Context, atMost time.Duration) (*list.Element, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	due := g.due(int64(g.queue.Len()))
	if deadline, ok := ctx.Deadline(); ok {
		atMost = min(atMost, time.Until(deadline))
	}
	if due > atMost {
		return nil, &LimitedError{after: due}
	}
	turn := make(chan struct{})
	place := g.queue.PushBack(turn)
	g.queued.Store(int64(g.queue.Len()))
	if g.queue.Front() == place {
		close(turn)
	}
	return place, nil
}

// leave takes a caller out of the queue that has its place or wants none.
func (g *GCRA) leave(place *list.Element) {
	g.mu.Lock()
	defer g.mu.Unlock()
	hadTurn := g.queue.Front() == place
	g.queue.Remove(place)
	g.queued.Store(int64(g.queue.Len()))
	if next := g.queue.Front(); hadTurn && next != nil {
		close(next.Value.(chan struct{}))
	}
}
