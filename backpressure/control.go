package backpressure

import (
	"context"
	"math"
	"runtime/debug"
	"sync"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// Control is the [mediator.Behavior] that [New] returns: the boundaries of all the
// runs of all the handlers it stands around. It is safe for concurrent use.
type Control struct {
	c         Config
	stateless bool

	mu      sync.Mutex
	runs    map[*Run]struct{}
	started uint64
	ended   map[string]Counts // of the runs that are over, by the message's name
	begun   uint64            // the times that pressure began in them
	panics  uint64
	panic   *mediator.PanicError
}

// New returns a behavior that puts a boundary between the consumer of a stream and
// what stands inside of it. What it returns is a [*Control], see [Of]. Each run has a
// queue of its own, so it may stand around any number of handlers. On requests and
// notifications it does nothing. It panics if c makes no sense.
//
// A run costs a goroutine and a few allocations, an item none.
func New(c Config) mediator.Behavior {
	c = c.complete()
	return &Control{c: c, stateless: c.stateless(), runs: map[*Run]struct{}{}, ended: map[string]Counts{}}
}

// Of returns the Control that b is or, like a conditional behavior, has inside: it
// looks through an Unwrap() mediator.Behavior. It returns nil if there is none.
func Of(b mediator.Behavior) *Control {
	for inside := range unwrap.All(b) {
		if k, ok := inside.(*Control); ok {
			return k
		}
	}
	return nil
}

// ConfinesCall implements [mediator.CallConfiner]: it is for streams.
func (k *Control) ConfinesCall() bool { return true }

// BehaviorName returns "Backpressure".
func (k *Control) BehaviorName() string { return "Backpressure" }

// Wrap implements [mediator.Behavior].
func (k *Control) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if c.Kind() != mediator.KindStream {
			return next(ctx, c)
		}
		r := k.begin(c.Name())
		defer k.end(r)
		return r.queue.Run(ctx, c, next)
	}
}

func (k *Control) begin(name string) *Run {
	r := &Run{control: k, name: name}
	if k.c.Admit == nil {
		r.samples, r.throttles = k.c.Strategy == Sample, k.c.Strategy == Throttle
	}
	r.plain = k.c.Admit == nil && !r.throttles && !k.c.Adaptive
	r.every.Store(int64(k.c.SampleEvery))
	capacity := k.c.Capacity
	if k.c.Adaptive {
		r.meter = &meter{tuner: tuner{Tuning: &k.c.Tuning}, so: period{busy: true}}
		if !r.samples && !r.throttles {
			capacity = min(max(capacity, k.c.Tuning.MinCapacity), k.c.Tuning.MaxCapacity)
		}
		r.every.Store(int64(min(max(k.c.SampleEvery, k.c.Tuning.MinSample), k.c.Tuning.MaxSample)))
	}
	r.resize(capacity)
	admit := r.admit
	if r.plain && k.c.onlyTells() {
		admit = r.admitAtOnce
		switch k.c.Strategy {
		case DropOldest:
			r.usual = mediator.Evict
		case Latest:
			r.usual = mediator.Replace
		}
	}
	r.queue = mediator.NewQueue(mediator.QueueConfig{
		Capacity: capacity,
		Admit:    admit,
		Evicts:   k.c.Admit != nil || k.c.Strategy.evicts(),
		Owner:    r,
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.started++
	r.number = k.started
	k.runs[r] = struct{}{}
	return r
}

func (k *Control) end(r *Run) {
	defer func() { // also if OnPressure calls Goexit
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.runs, r)
		k.ended[r.name] = k.ended[r.name].plus(r.Counts())
		k.begun += r.pressures.Load()
	}()
	r.finish()
}

// Event is a change of pressure, see [Config].OnPressure.
type Event struct {
	Run      *Run
	Pressure bool   // it has begun; otherwise it has ended
	Counts   Counts // of the run, without the item at hand
}

// tell calls OnPressure. A panic there is not the stream's.
func (k *Control) tell(r *Run, pressure bool) {
	defer func() {
		if v := recover(); v != nil {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.panics++
			k.panic = &mediator.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	k.c.OnPressure(Event{Run: r, Pressure: pressure, Counts: r.Counts()})
}

// tunedPace is the pace that a Throttle has adapted to, 0 for none yet.
func (r *Run) tunedPace() float64 { return math.Float64frombits(r.tuned.Load()) }
