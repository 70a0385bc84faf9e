package mediator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// PublishWrapper is implemented by a [Behavior] that sees each [Publish] as a
// whole, too: as a behavior it stands around each subscriber. It counts where [Use]
// gives the behavior itself to the mediator, not to a handler, and not inside of
// another behavior.
//
// A notification with a [Relay] is not wrapped, because a behavior stands around
// the relay, nor is what [DispatchTo] gives to one group.
type PublishWrapper interface {
	Behavior
	// WrapPublish calls publish once, with ctx or one made of it, and returns its
	// error. name is the notification's. With [Background], publish puts the
	// notification into the queue and does not wait for its subscribers; their
	// context is made of the one that publish is given. It is called concurrently,
	// also for notifications that nobody is subscribed to.
	//
	// publish is good for one call, which ends before WrapPublish does: another one
	// gets [ErrCallOver] and publishes nothing. A WrapPublish that returns nil
	// without that call, or while it goes on, makes the Publish an error: what was
	// not published must not look as if it were.
	WrapPublish(ctx context.Context, name string, publish func(ctx context.Context) error) error
}

// publishWrappers are those among bs, the outermost first.
func publishWrappers(bs []Behavior) (ws []PublishWrapper) {
	for _, b := range bs {
		if w, ok := b.(PublishWrapper); ok {
			ws = append(ws, w)
		}
	}
	return ws
}

// wrapped publishes n within the wrappers, of which there is one at least.
func (t *topic[N]) wrapped(ctx context.Context, n N, how publishing) error {
	publish := func(ctx context.Context) error { return t.unwrapped(ctx, n, how) }
	for i := len(t.wrappers) - 1; i > 0; i-- {
		inner := publish
		publish = func(ctx context.Context) error { return wrapPublish(ctx, t.wrappers[i], t.name, inner) }
	}
	return wrapPublish(ctx, t.wrappers[0], t.name, publish)
}

// wrapPublish calls w, which may call publish once.
func wrapPublish(ctx context.Context, w PublishWrapper, name string, publish func(context.Context) error) (err error) {
	fail := func(err error) error { return &Error{Op: "publish", Name: name, Err: err} }
	var state atomic.Uint32 // fresh, called, returned or over
	const (
		fresh = iota
		called
		returned
		over
	)
	defer func() {
		switch left := state.Swap(over); {
		case err != nil:
		case left == fresh:
			err = fail(fmt.Errorf("%w: %s", errNotPublished, behaviorName(w)))
		case left == called:
			err = fail(fmt.Errorf("%w: WrapPublish of %s returned nil while its publish was running", ErrCallOver, behaviorName(w)))
		}
	}()
	return w.WrapPublish(ctx, name, func(ctx context.Context) error {
		if !state.CompareAndSwap(fresh, called) {
			return fail(fmt.Errorf("%w: publish of a WrapPublish is called once, while that runs", ErrCallOver))
		}
		defer state.CompareAndSwap(called, returned)
		return publish(ctx)
	})
}

var errNotPublished = errors.New("WrapPublish returned nil without calling publish")
