package mediator

import "context"

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
		publish = func(ctx context.Context) error { return t.wrappers[i].WrapPublish(ctx, t.name, inner) }
	}
	return t.wrappers[0].WrapPublish(ctx, t.name, publish)
}
