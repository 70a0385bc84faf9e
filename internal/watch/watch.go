// Package watch follows one call through its pipeline, for who has it made by a name
// and must know whether it is that call that is seen, and whether its handler was run:
// neither the message nor the context nor the error of a call can tell.
package watch

import (
	"context"
	"sync/atomic"
)

// Call is what is watched: the call that the mediator makes with a context of [With].
// Calls that its handler makes are not, nor any others. Its methods are safe for
// concurrent use.
type Call struct {
	Kind        uint8 // a mediator.Kind
	Name, Group string
	Watcher     any // whose it is

	taken atomic.Bool
	busy  atomic.Bool
	runs  atomic.Int64
}

// watched counts the calls of Start without their stop, so that in all other times
// nobody need look for one.
var watched atomic.Int64

// Start has contexts and calls looked at, until stop is called.
func Start() (stop func()) {
	watched.Add(1)
	return func() { watched.Add(-1) }
}

type key struct{}

// With returns a context to make the call with.
func With(ctx context.Context, c *Call) context.Context { return context.WithValue(ctx, key{}, c) }

// Take returns what watches the call that begins with ctx, nil for most, and the
// context for what is inside, which has it no more. [Call.Done] follows.
func Take(ctx context.Context, kind uint8, name, group string) (context.Context, *Call) {
	if watched.Load() == 0 {
		return ctx, nil
	}
	c, _ := ctx.Value(key{}).(*Call)
	if c == nil || c.Kind != kind || c.Name != name || c.Group != group || !c.busy.CompareAndSwap(false, true) {
		return ctx, nil
	}
	c.taken.Store(true)
	return With(ctx, nil), c
}

// Done ends what Take began. On nil it does nothing.
func (c *Call) Done() {
	if c != nil {
		c.busy.Store(false)
	}
}

// Run notes a run of the handler that begins. On nil it does nothing.
func (c *Call) Run() {
	if c != nil {
		c.runs.Add(1)
	}
}

// Taken tells whether the call has begun.
func (c *Call) Taken() bool { return c.taken.Load() }

// Runs is how many runs of the handler have begun.
func (c *Call) Runs() int { return int(c.runs.Load()) }

// Set by the mediator.
var (
	find func(call any) *Call
	runs func(call any) int
)

// Know has [Of] and [RunsOf] ask these. It is for the init of the package with the calls.
func Know(of func(call any) *Call, runsOf func(call any) int) { find, runs = of, runsOf }

// Of returns what watches the given mediator.Call, nil for most.
func Of(call any) *Call { return find(call) }

// RunsOf is how many runs of its handler, or of a typed layer around that, have begun
// in the given mediator.Call, which is in progress: 0 if it is over.
func RunsOf(call any) int { return runs(call) }

// Any tells whether there may be calls that are watched.
func Any() bool { return watched.Load() != 0 }
