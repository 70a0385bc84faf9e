package otelmediator

import (
	"context"
	"fmt"
	"slices"

	"github.com/fsmediator/mediator/behaviors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	ofKey      = attribute.Key("fsmediator.behavior")
	readingKey = attribute.Key("fsmediator.reading")
	scopeKey   = attribute.Key("fsmediator.scope")
)

// Observe makes metrics of what r watches, see [behaviors.Recorder.Watch]: retries,
// rejections, the states of breakers, the depth of queues. What only grows is in
// the counter fsmediator.behavior.events, the rest in the gauge
// fsmediator.behavior.state, told apart by fsmediator.behavior, fsmediator.reading
// and fsmediator.scope, which is a message or another key. They are read when the
// metrics are collected, and cost nothing otherwise. The calls that r counts are not
// among them: for those there is [Behavior].
//
// A Source that panics, or ends its goroutine, costs its own figures alone; it is
// reported to [otel.Handle], and counted: see [behaviors.Snapshot].
//
// stop ends it, and may be called again. Of the options, Observe uses
// MeterProvider and Attributes. It panics if r is nil.
func Observe(r *behaviors.Recorder, opts ...Option) (stop func() error, err error) {
	if r == nil {
		panic("otelmediator: Observe: the Recorder is nil")
	}
	c := newConfig("Observe", opts)
	meter := c.meter()
	events, err := meter.Float64ObservableCounter("fsmediator.behavior.events",
		metric.WithUnit("{event}"), metric.WithDescription("What behaviors have counted: retries, rejections, drops."))
	if err != nil {
		return nil, fmt.Errorf("otelmediator: observe: %w", err)
	}
	state, err := meter.Float64ObservableGauge("fsmediator.behavior.state",
		metric.WithUnit("1"), metric.WithDescription("What behaviors say of themselves: states, depths, what runs and what waits."))
	if err != nil {
		return nil, fmt.Errorf("otelmediator: observe: %w", err)
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := r.Snapshot()
		for _, fault := range s.Faults {
			otel.Handle(fmt.Errorf("otelmediator: observe: %w", fault)) // returned, it would cost the whole collection
		}
		for reading, value := range merged(s.Readings) {
			kvs := append(slices.Clone(c.attributes), ofKey.String(reading.behavior), readingKey.String(reading.name))
			if reading.scope != "" {
				kvs = append(kvs, scopeKey.String(reading.scope))
			}
			set := metric.WithAttributeSet(attribute.NewSet(kvs...))
			if reading.gauge {
				o.ObserveFloat64(state, value, set)
			} else {
				o.ObserveFloat64(events, value, set)
			}
		}
		return nil
	}, events, state)
	if err != nil {
		return nil, fmt.Errorf("otelmediator: observe: %w", err)
	}
	return registration.Unregister, nil
}

// reading is what one figure is about.
type reading struct {
	behavior, scope, name string
	gauge                 bool
}

// merged adds up what is the same of several behaviors. Of states, and of the memory
// in use, which all guards see, the greatest counts.
func merged(all []behaviors.Reading) map[reading]float64 {
	values := map[reading]float64{}
	for _, one := range all {
		at := reading{text(one.Behavior), text(one.Scope), text(one.Name), one.Gauge}
		was, ok := values[at]
		if ok && (one.State != "" || one.Behavior == "memoryguard" && one.Name == "used") {
			values[at] = max(was, one.Value)
		} else {
			values[at] = was + one.Value
		}
	}
	return values
}
