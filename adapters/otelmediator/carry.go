package otelmediator

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fsmediator/mediator/deadletter"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// carried is the propagators given, or those of W3C.
func carried(what string, ps []propagation.TextMapPropagator) propagation.TextMapPropagator {
	for i, p := range ps {
		if p == nil {
			panic(fmt.Sprintf("otelmediator: %s: propagator %d of %d is nil", what, i+1, len(ps)))
		}
	}
	switch len(ps) {
	case 0:
		return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	case 1:
		return ps[0]
	}
	return propagation.NewCompositeTextMapPropagator(ps...)
}

// LetterHeaders returns a function that gives a dead letter the trace and the
// baggage of the call that failed, for [deadletter.Headers]. That is the span of
// the [Behavior] if it stands outside of the deadletter.Behavior, otherwise that of
// the caller. Without propagators it writes traceparent, tracestate and baggage
// (W3C Trace Context, W3C Baggage). It panics if a propagator is nil.
func LetterHeaders(ps ...propagation.TextMapPropagator) func(ctx context.Context) map[string]string {
	p := carried("LetterHeaders", ps)
	return func(ctx context.Context) map[string]string {
		headers := propagation.MapCarrier{}
		p.Inject(ctx, headers)
		if len(headers) == 0 {
			return nil
		}
		return headers
	}
}

// LetterCause returns a function that links the redrive of a dead letter to the
// call that failed, and gives it that call's baggage, for [deadletter.Context]. The
// link is that of the outermost [Behavior] around the handler; the redrive's span
// is a child of what the context of [deadletter.Redrive] has, if anything. The
// propagators are those of [LetterHeaders].
func LetterCause(ps ...propagation.TextMapPropagator) func(ctx context.Context, l deadletter.Letter) context.Context {
	p := carried("LetterCause", ps)
	return func(ctx context.Context, l deadletter.Letter) context.Context {
		was := p.Extract(context.Background(), propagation.MapCarrier(l.Headers))
		if b := baggage.FromContext(was); b.Len() > 0 {
			ctx = baggage.ContextWithBaggage(ctx, b)
		}
		if sc := trace.SpanContextFromContext(was); sc.IsValid() {
			causes.Store(true)
			ctx = context.WithValue(ctx, causeKey{}, sc)
		}
		return ctx
	}
}

// ExemplarLabels returns trace_id and span_id of the span in ctx, nil if there is
// none that is sampled: for the exemplars of Prometheus, see NewExemplars of
// prommediator. The metrics of this package get their exemplars from the SDK.
func ExemplarLabels(ctx context.Context) map[string]string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() || !sc.IsSampled() {
		return nil
	}
	return map[string]string{"trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String()}
}

type causeKey struct{}

// causes tells whether there ever was a context with a cause: until then nobody
// need look for one.
var causes atomic.Bool

// takeCause returns the cause in ctx, and the context for what is inside, which
// has none.
func takeCause(ctx context.Context) (context.Context, trace.SpanContext) {
	if !causes.Load() {
		return ctx, trace.SpanContext{}
	}
	sc, ok := ctx.Value(causeKey{}).(trace.SpanContext)
	if !ok {
		return ctx, trace.SpanContext{}
	}
	return context.WithValue(ctx, causeKey{}, nil), sc
}

// Carrier carries the trace and the baggage of a context between processes, in
// headers of type C. It is made by [Propagator].
type Carrier[C propagation.TextMapCarrier] struct {
	p propagation.TextMapPropagator
}

// Propagator returns what carries the trace and the baggage of a context in the
// headers of a transport that has a type C of its own for them:
//
//	natsmediator.Propagate(otelmediator.Propagator[natsmediator.Carrier]())
//
// A call that came so has the remote caller's span as its parent. Without
// propagators it reads and writes traceparent, tracestate and baggage (W3C Trace
// Context, W3C Baggage). It panics if a propagator is nil.
func Propagator[C propagation.TextMapCarrier](ps ...propagation.TextMapPropagator) Carrier[C] {
	return Carrier[C]{carried("Propagator", ps)}
}

// Inject writes the trace and the baggage of ctx to headers.
func (c Carrier[C]) Inject(ctx context.Context, headers C) { c.p.Inject(ctx, headers) }

// Extract returns ctx with the trace and the baggage of headers.
func (c Carrier[C]) Extract(ctx context.Context, headers C) context.Context {
	return c.p.Extract(ctx, headers)
}
