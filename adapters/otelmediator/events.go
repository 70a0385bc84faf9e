package otelmediator

import (
	"context"
	"slices"

	"github.com/fsmediator/mediator/behaviors"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

const (
	breakerKey   = attribute.Key("fsmediator.breaker.key")
	breakerState = attribute.Key("fsmediator.breaker.state")
	breakerFrom  = attribute.Key("fsmediator.breaker.from")
)

// OnSlow adds an event to the span of ctx: what was slow, how long the call has
// taken, in seconds, and the items so far. It is meant for
// [behaviors.SlowConfig].OnSlow, with a [Behavior] around the Slow, and takes the
// place of the log record.
func OnSlow(ctx context.Context, s behaviors.SlowCall) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.AddEvent("fsmediator.slow", trace.WithAttributes(reasonKey.String(string(s.Reason)),
		durationKey.Float64(s.Took.Seconds()), itemsKey.Int(s.Items)))
}

// StateChanges returns a function that counts the changes of breakers, by key and
// by the states before and after, in fsmediator.breaker.changes. It is meant for
// [behaviors.BreakerConfig].OnStateChange. That is about a breaker, not about a
// call, so it is in no span; a call that was not let through has an event. Of the
// options it uses MeterProvider and Attributes.
func StateChanges(opts ...Option) func(behaviors.StateChange) {
	c := newConfig("StateChanges", opts)
	changes := made(c.meter().Int64Counter("fsmediator.breaker.changes",
		metric.WithUnit("{change}"), metric.WithDescription("Changes of state of circuit breakers.")))
	return func(s behaviors.StateChange) {
		kvs := append(slices.Clone(c.attributes),
			breakerKey.String(text(s.Key)), breakerFrom.String(s.From.String()), breakerState.String(s.To.String()))
		changes.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(kvs...)))
	}
}
