package otelmediator

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/unwrap"
	"github.com/fsmediator/mediator/internal/watch"
	"go.opentelemetry.io/otel/trace"
)

// WrapPublish is part of [mediator.PublishWrapper].
func (b *behavior) WrapPublish(ctx context.Context, name string, publish func(context.Context) error) error {
	if p := publishingOf(ctx); p != nil && !p.called.Load() {
		return publish(ctx) // another one is around it
	}
	h := b.of(key{kind: mediator.KindNotification, name: name}, b.newHandler)
	return b.call(ctx, mediator.Call{}, h, func(ctx context.Context, _ mediator.Call) error { return publish(ctx) })
}

// publishing is the context of a whole publish.
type publishing struct {
	context.Context
	called atomic.Bool // a call has begun in it, so what is published from now on is another
}

type publishingKey struct{}

func (p *publishing) Value(key any) any {
	if key == (publishingKey{}) {
		return p
	}
	return p.Context.Value(key)
}

// publishingOf returns the publish that ctx is of, nil if there is none.
func publishingOf(ctx context.Context) *publishing {
	p, _ := ctx.Value(publishingKey{}).(*publishing)
	return p
}

// within notes that a call begins in the publish that ctx is of: a subscriber's, or one
// that a behavior outside of it makes.
func within(ctx context.Context) {
	if p := publishingOf(ctx); p != nil && !p.called.Load() {
		p.called.Store(true)
	}
}

// publisher returns the span of the publish that c is of, nil if it is of none: the
// nearest one above of that name, or where there is none, as around a publish that is not
// traced, what c is made beneath. An attempt's is that of the subscriber.
func (r *run) publisher(c mediator.Call) trace.Span {
	above := trace.SpanFromContext(r.outer)
	if above.SpanContext().IsRemote() {
		return above
	}
	if watch.Any() && watch.Of(c) != nil { // a redrive
		return nil
	}
	near, _ := r.outer.Value(recordingKey{}).(*recording)
	if near == nil {
		return above
	}
	of := trace.SpanFromContext(near.Context)
	switch {
	case near.h.key == key{kind: mediator.KindNotification, name: r.h.name}:
		return of
	case near.h.key == r.h.key && of.SpanContext().Equal(above.SpanContext()) && r.b.inside.Load():
		return near.publisher
	}
	return above
}

// PublisherFor is [mediator.PublisherFor] with a span around each publish: the
// parent, and the link, of its subscribers' spans. It is for a [Behavior] that
// stands around handlers only, or inside of another behavior such as
// behaviors.When: there it sees each subscriber, not the publish, and the spans of
// the subscribers would be children of whatever span publishes. Where the Behavior
// makes that span anyway, there is no second one. With [mediator.Background] the
// span is about the queue alone.
//
// It uses the first [Behavior] around a subscriber of N, or else around any handler
// of m. It makes no span if there is none, or if one stands around a
// [mediator.Relay] of N, which has a span of its own. It looks for it once, at the
// first call.
func PublisherFor[N any](m *mediator.Mediator, opts ...mediator.PublishOption) func(ctx context.Context, n N) error {
	found := sync.OnceValue(func() publisher { return publisherOf(m.Inspect(), reflect.TypeFor[N]()) })
	return func(ctx context.Context, n N) error {
		p := found()
		if p.b == nil {
			return mediator.Publish(ctx, m, n, opts...)
		}
		return p.b.call(ctx, mediator.Call{}, p.h, func(ctx context.Context, _ mediator.Call) error {
			return mediator.Publish(ctx, m, n, opts...)
		})
	}
}

// publisher is what makes the spans of a publish; nothing if there is no b.
type publisher struct {
	b *behavior
	h *handler
}

func publisherOf(routes []mediator.Route, t reflect.Type) publisher {
	var near, far *behavior
	name := t.String()
	for _, r := range routes {
		b := tracing(r.Behaviors)
		if far == nil {
			far = b
		}
		if r.Kind != mediator.KindNotification {
			continue
		}
		if r.Message == t {
			name = r.Name
			if r.Relay && b != nil {
				return publisher{}
			}
		}
		if near == nil && (r.Message == t || r.Message.Kind() == reflect.Interface && t.Implements(r.Message)) {
			near = b
		}
	}
	if near == nil {
		near = far
	}
	if near == nil {
		return publisher{}
	}
	return publisher{near, near.of(key{kind: mediator.KindNotification, name: name}, near.newHandler)}
}

// tracing returns the outermost Behavior among bs, nil if there is none.
func tracing(bs []mediator.Behavior) *behavior {
	for _, b := range bs {
		if found := asBehavior(b); found != nil {
			return found
		}
	}
	return nil
}

// asBehavior is b if it was made by [Behavior], also inside of what applies it to
// some calls only; otherwise nil.
func asBehavior(b mediator.Behavior) *behavior {
	for inside := range unwrap.All(b) {
		if found, ok := inside.(*behavior); ok {
			return found
		}
	}
	return nil
}
