package otelmediator

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// ScopeName is the instrumentation scope of all spans and metrics.
const ScopeName = "github.com/fsmediator/mediator/adapters/otelmediator"

// Option is about one [Behavior].
type Option func(c *config)

type config struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	attributes []attribute.KeyValue
	stall      time.Duration
	roots      bool
	spansOnly  bool
}

func newConfig(what string, opts []Option) config {
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), stall: 5 * time.Second}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("otelmediator: %s: option %d of %d is nil", what, i+1, len(opts)))
		}
		o(&c)
	}
	if c.spansOnly {
		c.meters = metricnoop.NewMeterProvider()
	}
	return c
}

func (c config) tracer() trace.Tracer {
	return c.tracers.Tracer(ScopeName, trace.WithSchemaURL(semconv.SchemaURL))
}

func (c config) meter() metric.Meter {
	return c.meters.Meter(ScopeName, metric.WithSchemaURL(semconv.SchemaURL))
}

// TracerProvider sets where spans go. Default: the global one, also if that is
// set later. It panics if p is nil.
func TracerProvider(p trace.TracerProvider) Option {
	if p == nil {
		panic("otelmediator: TracerProvider: the provider is nil")
	}
	return func(c *config) { c.tracers = p }
}

// MeterProvider sets where metrics go. Default: the global one, also if that is
// set later. It panics if p is nil.
func MeterProvider(p metric.MeterProvider) Option {
	if p == nil {
		panic("otelmediator: MeterProvider: the provider is nil")
	}
	return func(c *config) { c.meters = p }
}

// Attributes adds attributes to all spans and metrics: of which mediator they are,
// if there are several. Their values should be few, for each is a time series of
// its own.
func Attributes(kvs ...attribute.KeyValue) Option {
	return func(c *config) { c.attributes = append(c.attributes, kvs...) }
}

// Stall sets how long a stream may go without an item before the span tells, by an
// event when the next item comes or the stream ends. The time that the consumer
// takes counts. Default: 5s. It panics if d is not positive.
func Stall(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("otelmediator: Stall(%v): it has to be positive", d))
	}
	return func(c *config) { c.stall = d }
}

// Roots has each subscriber's span begin a trace of its own, which is linked to
// the publisher's: for notifications that are handled long afterwards, or by
// others. Default: the span is a child of the publisher's, and linked.
func Roots() Option { return func(c *config) { c.roots = true } }

// SpansOnly leaves out the metrics: for a second Behavior around the same handler,
// inside of a Retry, to see the attempts. Two that measure would count each call
// twice. Of a publish there is one span, that of the outermost.
func SpansOnly() Option { return func(c *config) { c.spansOnly = true } }
