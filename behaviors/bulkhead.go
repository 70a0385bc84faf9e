package behaviors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/tally"
)

// BulkheadConfig configures a [Bulkhead].
type BulkheadConfig struct {
	// Limit is how many calls run at a time. Default: 25.
	Limit int
	// Queue is how many calls wait for others to end, at most; they are let in in
	// the order they came. Default: 0, none waits.
	Queue int
	// MaxWait is how long a call waits at most. Default: 0, until its context ends.
	MaxWait time.Duration
	// PerHandler gives each message name, and each group of its subscribers, places and
	// a queue of its own, so that a handler that sends another message does not need
	// two of the same places, and what is slow takes none from the rest. The first
	// thousand have their own; the rest share some, with the scope "(other)".
	// [Standard] sets it. Default: the handlers share all.
	PerHandler bool
	// Key gives the calls with the same key, such as those of a tenant, places and a
	// queue of their own, so that one tenant takes none from the others; with PerHandler,
	// those of each handler. What is said there of a thousand holds for the keys. It tells
	// the key by the context or the message, is called concurrently, and must not keep the
	// Call. Default: none.
	Key func(ctx context.Context, c mediator.Call) string
	// Name is the scope of the readings and of the [*FullError]: it tells bulkheads
	// apart that stand around one mediator. With PerHandler the scope is "name", or
	// "name to group" of a subscriber, and with Key the key, after Name and a colon if
	// there is one: "db: shop.Pay: acme". Default: "".
	Name string
}

// ErrFull means that a bulkhead had no place for a call. The error is a [*FullError].
var ErrFull = errors.New("bulkhead is full")

// FullError is a call that a bulkhead did not let in. It is [ErrFull].
type FullError struct {
	Limit, Queue int
	Waited       time.Duration // 0 if the queue was full
	Err          error         // if the context ended while it waited: its error and cause
	Scope        string        // of the places, as in the readings; see [BulkheadConfig].Name
}

// Error tells what was full, or how long the call has waited.
func (e *FullError) Error() string {
	of := ""
	if e.Scope != "" {
		of = " of " + e.Scope
	}
	switch {
	case e.Err != nil:
		return fmt.Sprintf("bulkhead%s is full: %d run, waited %v: %v", of, e.Limit, e.Waited, e.Err)
	case e.Waited > 0:
		return fmt.Sprintf("bulkhead%s is full: %d run, waited %v", of, e.Limit, e.Waited)
	}
	return fmt.Sprintf("bulkhead%s is full: %d run, %d wait", of, e.Limit, e.Queue)
}

// Unwrap returns [ErrFull] and Err.
func (e *FullError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrFull}
	}
	return []error{ErrFull, e.Err}
}

// Bulkhead returns a behavior that lets a limited number of calls run at a time,
// of all the handlers it is put around together: a value for each handler, or
// [BulkheadConfig.PerHandler], gives each its own limit. What finds no place gets a
// [*FullError]. A stream has its place until its run ends. A place is freed however
// a call ends, by a panic and [runtime.Goexit] too.
//
// A handler that sends a message for which it would need one of the same places
// holds the first while it waits for the second: with a queue, enough of them wait
// for each other until MaxWait or the end of their contexts. With PerHandler, that
// happens to a handler only that sends its own message, by way of others or not.
//
// It panics if a number is negative, or more than 2^31-1.
func Bulkhead(c BulkheadConfig) mediator.Behavior {
	if c.Limit < 0 || c.Queue < 0 || c.MaxWait < 0 {
		panic(fmt.Sprintf("behaviors: Bulkhead: Limit is %d, Queue %d, MaxWait %v: none can be negative", c.Limit, c.Queue, c.MaxWait))
	}
	orDefault(&c.Limit, 25)
	if c.Limit > maxPlaces || c.Queue > maxPlaces {
		panic(fmt.Sprintf("behaviors: Bulkhead: Limit is %d, Queue %d: more than %d", c.Limit, c.Queue, maxPlaces))
	}
	b := &bulkhead{c: c}
	b.known.Store(&map[callee]*compartment{})
	if !b.divided() {
		b.all = []*compartment{newCompartment(c, c.Name)}
	}
	return b
}

type bulkhead struct {
	scoped
	c BulkheadConfig

	known atomic.Pointer[map[callee]*compartment] // replaced under mu, never changed
	mu    sync.Mutex
	all   []*compartment // in the order they came
}

// callee is what has a compartment of its own.
type callee struct{ name, group, key string }

// maxCompartments bounds the compartments of a bulkhead, but for the one that the rest share.
const maxCompartments = tally.Max

// compartment is places and who was turned away.
type compartment struct {
	places
	rejected atomic.Uint64
}

func newCompartment(c BulkheadConfig, scope string) *compartment {
	return &compartment{places: places{limit: uint64(c.Limit), queue: c.Queue, maxWait: c.MaxWait, scope: scope}}
}

// divided tells whether there is more than one compartment.
func (b *bulkhead) divided() bool { return b.c.PerHandler || b.c.Key != nil }

// of returns the compartment of a callee, and makes it if need be.
func (b *bulkhead) of(k callee) *compartment {
	if h, ok := (*b.known.Load())[k]; ok {
		return h
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known := *b.known.Load()
	h, ok := known[k]
	if !ok && len(b.all) >= maxCompartments {
		k = callee{name: BreakerOtherKeys}
		h, ok = known[k]
	}
	if ok {
		return h
	}
	h = newCompartment(b.c, b.scope(k))
	more := maps.Clone(known)
	more[k] = h
	b.known.Store(&more)
	b.all = append(b.all, h)
	return h
}

func (b *bulkhead) scope(k callee) string {
	handler := k.name
	if k.group != "" {
		handler += " to " + k.group
	}
	return strings.Join(slices.DeleteFunc([]string{b.c.Name, handler, k.key}, func(part string) bool { return part == "" }), ": ")
}

// ScopedCall implements [mediator.CallScoper]: it is false with a Key, which is given
// the Call.
func (b *bulkhead) ScopedCall() bool { return b.c.Key == nil }

// BehaviorName returns "Bulkhead".
func (b *bulkhead) BehaviorName() string { return "Bulkhead" }

// CheckWiring warns of a Recover that stands inside alone, and of the same Bulkhead
// outside.
func (b *bulkhead) CheckWiring(outer, inner []mediator.Behavior) (warnings []string) {
	if hasBehavior(inner, "Recover") && !mayHaveBehavior(outer, "Recover") {
		warnings = append(warnings, "Recover stands inside only: put it outside, where it covers all behaviors")
	}
	if isAmong(outer, b) {
		warnings = append(warnings, "the same Bulkhead stands around it, so a call takes two places, and can wait for the one that it has: remove one, or make another Bulkhead")
	}
	return warnings
}

// Wrap implements [mediator.Behavior].
func (b *bulkhead) Wrap(next mediator.Next) mediator.Next {
	switch {
	case b.c.Key != nil:
		return func(ctx context.Context, c mediator.Call) error {
			k := callee{key: b.c.Key(ctx, c)}
			c.Waited()
			if b.c.PerHandler {
				k.name, k.group = c.Name(), c.Handler()
			}
			return b.of(k).run(ctx, c, next)
		}
	case b.c.PerHandler:
		w := &bulkheadWrap{b: b, next: next}
		return w.call
	}
	h := b.all[0]
	return func(ctx context.Context, c mediator.Call) error { return h.run(ctx, c, next) }
}

func (h *compartment) run(ctx context.Context, c mediator.Call, next mediator.Next) error {
	if ctx.Err() != nil {
		return ending.Of(ctx)
	}
	if !h.try() {
		err := h.wait(ctx)
		c.Waited()
		if err != nil {
			h.rejected.Add(1)
			return err
		}
	}
	defer h.leave()
	return next(ctx, c)
}

// bulkheadWrap is a bulkhead with PerHandler around one handler.
type bulkheadWrap struct {
	b     *bulkhead
	next  mediator.Next
	bound atomic.Pointer[boundCompartment]
}

// boundCompartment is the compartment of a message name. A handler mostly has one name; a
// subscriber to an interface has those of all the types that arrive.
type boundCompartment struct {
	name string
	*compartment
}

func (w *bulkheadWrap) call(ctx context.Context, c mediator.Call) error {
	name, bound := c.Name(), w.bound.Load()
	if bound != nil && bound.name == name {
		return bound.run(ctx, c, w.next)
	}
	h := w.b.of(callee{name: name, group: c.Handler()})
	if bound == nil {
		w.bound.Store(&boundCompartment{name: name, compartment: h})
	}
	return h.run(ctx, c, w.next)
}

// Readings implements [Source].
func (b *bulkhead) Readings() iter.Seq[Reading] {
	return func(yield func(Reading) bool) {
		b.mu.Lock()
		all := slices.Clip(b.all) // which are only added to
		b.mu.Unlock()
		for _, h := range all {
			word := h.word.Load()
			if !yield(Reading{Scope: h.scope, Name: "running", Value: float64(word % onePlaceWaiting), Gauge: true}) ||
				!yield(Reading{Scope: h.scope, Name: "waiting", Value: float64(word / onePlaceWaiting), Gauge: true}) ||
				!yield(Reading{Scope: h.scope, Name: "rejections", Value: float64(h.rejected.Load())}) {
				return
			}
		}
	}
}
