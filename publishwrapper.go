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

// wrapped publishes n within the wrappers from i on. Each may call publish once.
func (t *topic[N]) wrapped(ctx context.Context, n N, how publishing, i int) (err error) {
	if i == len(t.wrappers) {
		return t.unwrapped(ctx, n, how)
	}
	w := t.wrappers[i]
	var state atomic.Uint32
	defer func() {
		switch left := state.Swap(publishOver); {
		case err != nil:
		case left == publishFresh:
			err = t.misused("%w: %s", errNotPublished, behaviorName(w))
		case left == publishCalled:
			err = t.misused("%w: WrapPublish of %s returned nil while its publish was running", ErrCallOver, behaviorName(w))
		}
	}()
	return w.WrapPublish(ctx, t.name, func(ctx context.Context) error {
		if !state.CompareAndSwap(publishFresh, publishCalled) {
			return t.misused("%w: publish of a WrapPublish is called once, while that runs", ErrCallOver)
		}
		defer state.CompareAndSwap(publishCalled, publishReturned)
		return t.wrapped(ctx, n, how, i+1)
	})
}

// The states of a publish that a wrapper may call once.
const (
	publishFresh = iota
	publishCalled
	publishReturned
	publishOver
)

func (t *topic[N]) misused(format string, args ...any) error {
	return &Error{Op: "publish", Name: t.name, Err: fmt.Errorf(format, args...)}
}

var errNotPublished = errors.New("WrapPublish returned nil without calling publish")
