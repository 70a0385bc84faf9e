package main

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/closed"
)

// faults is a behavior that makes what it stands around fail as things fail that
// are reached over a network, until it is cleared. What becomes of an attempt
// depends on the seed, the order's number, the handler and the number of the
// attempt, and not on when it is made.
type faults struct {
	share   float64 // of the attempts that fail in passing
	seed    uint64
	outage  outage
	attempt func(context.Context) int

	cleared atomic.Bool

	mu     sync.Mutex
	counts map[string]int64
}

// outage is when the payment provider is down: for some orders out of every so
// many, from one on. It outlasts all retries.
type outage struct{ from, length, every int64 }

const (
	firstOutage    = 100 // so that there is one in the sample
	betweenOutages = 25_000
	longestOutage  = 60

	poisonShare = 0.1 // of the orders, times faults.share: something about them fails until the faults are cleared
)

var (
	errConnection = errors.New("connection reset")
	errAnswerLost = errors.New("connection reset before the answer")
	errDown       = errors.New("payment provider is down")
	errPoison     = errors.New("cannot be processed")
)

// poisonable is where an order may be stuck: a message and the handler that fails.
var poisonable = []string{
	"order.created inventory", "inventory.reserved order", "payment.requested payment", "payment.processed order",
	"order.completed inventory", "order.completed payment", "order.completed notification", "order.cancelled notification",
}

// newFaults spreads an outage over some orders of each worker, so that there is a
// moment when nothing gets through.
func newFaults(c config, attempt func(context.Context) int) *faults {
	f := &faults{share: c.faults, seed: c.seed, attempt: attempt, counts: map[string]int64{}}
	if c.faults > 0 {
		f.outage = outage{from: firstOutage, length: min(8+int64(c.workers), longestOutage), every: betweenOutages}
	}
	return f
}

// clear ends all faults.
func (f *faults) clear() { f.cleared.Store(true) }

type mendedKey struct{}

// mended returns a context in which there are no faults.
func mended(ctx context.Context) context.Context { return context.WithValue(ctx, mendedKey{}, true) }

// injected returns how many there were of each kind.
func (f *faults) injected() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

func (f *faults) count(kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[kind]++
}

// BehaviorName returns "faults".
func (f *faults) BehaviorName() string { return "faults" }

// Wrap implements [mediator.Behavior].
func (f *faults) Wrap(next mediator.Next) mediator.Next {
	if f.share == 0 {
		return next
	}
	return func(ctx context.Context, c mediator.Call) error {
		if f.cleared.Load() || ctx.Value(mendedKey{}) != nil {
			return next(ctx, c)
		}
		_, n, ok := closed.Split(orderOf(c.Message()))
		if !ok {
			return next(ctx, c)
		}
		if c.Name() == chargeName {
			return f.charge(ctx, c, n, next)
		}
		return f.handle(ctx, c, n, next)
	}
}

// handle is a call of a subscriber.
func (f *faults) handle(ctx context.Context, c mediator.Call, n int64, next mediator.Next) error {
	place := c.Name() + " " + c.Handler()
	if f.poisons(n, place) {
		f.count("poison")
		return errPoison
	}
	d := f.draw(n, place, f.attempt(ctx))
	if d.Float64() >= f.share {
		return next(ctx, c)
	}
	switch kind := d.Float64(); {
	case kind < 0.01:
		f.count("panic")
		panic("index out of range")
	case kind < 0.15:
		return f.loseAnswer(ctx, c, next)
	default:
		f.count("error")
		return errConnection
	}
}

// charge is a call of the payment provider.
func (f *faults) charge(ctx context.Context, c mediator.Call, n int64, next mediator.Next) error {
	if f.outage.has(n) {
		f.count("outage")
		return errDown
	}
	d := f.draw(n, chargeName, f.attempt(ctx))
	if d.Float64() >= f.share {
		return next(ctx, c)
	}
	switch kind := d.Float64(); {
	case kind < 0.02:
		f.count("hang")
		<-ctx.Done()
		return ctx.Err()
	case kind < 0.1:
		f.count("slow")
		if err := wait(ctx, time.Duration(1+d.IntN(3))*time.Millisecond); err != nil {
			return err
		}
		return next(ctx, c)
	case kind < 0.2:
		return f.loseAnswer(ctx, c, next)
	default:
		f.count("error")
		return errConnection
	}
}

// loseAnswer has the message handled, and nobody knows.
func (f *faults) loseAnswer(ctx context.Context, c mediator.Call, next mediator.Next) error {
	f.count("lost answer")
	if err := next(ctx, c); err != nil {
		return err
	}
	return errAnswerLost
}

// poisons tells whether the order is stuck at the place.
func (f *faults) poisons(n int64, place string) bool {
	d := f.draw(n, "poison", 0)
	return d.Float64() < f.share*poisonShare && poisonable[d.IntN(len(poisonable))] == place
}

func (o outage) has(n int64) bool {
	return o.length > 0 && n >= o.from && (n-o.from)%o.every < o.length
}

// draw returns the chances of one attempt.
func (f *faults) draw(n int64, place string, attempt int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(n)), uint64(attempt)))
	_, _ = h.Write([]byte(place))
	return rand.New(rand.NewPCG(f.seed, h.Sum64()))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
