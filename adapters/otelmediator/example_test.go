package otelmediator_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

type PlaceOrder struct {
	mediator.Returns[int]
	SKU string
}

type OrderPlaced struct{ SKU string }

var errSoldOut = errors.New("sold out")

func place(_ context.Context, o PlaceOrder) (int, error) {
	if o.SKU == "moon" {
		return 0, errSoldOut
	}
	return 7, nil
}

// kept is an SDK whose spans a test can read.
func kept() (*tracetest.InMemoryExporter, otelmediator.Option) {
	spans := tracetest.NewInMemoryExporter()
	return spans, otelmediator.TracerProvider(trace.NewTracerProvider(trace.WithSyncer(spans)))
}

func must(m *mediator.Mediator, err error) *mediator.Mediator {
	if err != nil {
		panic(err)
	}
	return m
}

func ExampleBehavior() {
	spans, tracers := kept()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(tracers)),
		mediator.Handle(place, mediator.Named("orders.place"))))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "x"})
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "moon"})
	for _, s := range spans.GetSpans() {
		fmt.Printf("%s: %v %q\n", s.Name, s.Status.Code, s.Status.Description)
	}
	// Output:
	// send orders.place: Unset ""
	// send orders.place: Error "sold out"
}

func ExampleMeterProvider() {
	reader := metric.NewManualReader()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(otelmediator.MeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))),
		mediator.Handle(place)))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "x"})
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		panic(err)
	}
	for _, one := range all.ScopeMetrics[0].Metrics {
		fmt.Println(one.Name, one.Unit)
	}
	// Output:
	// messaging.process.duration s
	// fsmediator.calls.active {call}
}

func ExampleTracerProvider() {
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	m := must(mediator.New(mediator.Use(otelmediator.Behavior(otelmediator.TracerProvider(provider))), mediator.Handle(place)))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "x"})
	fmt.Println(len(spans.GetSpans()))
	// Output: 1
}

func ExampleAttributes() {
	spans, tracers := kept()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(tracers, otelmediator.Attributes(attribute.String("shop", "north")))),
		mediator.Handle(place)))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "x"})
	fmt.Println(spans.GetSpans()[0].Attributes[0].Value.AsString())
	// Output: north
}

func ExampleStall() {
	spans, tracers := kept()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(tracers, otelmediator.Stall(time.Nanosecond))),
		mediator.HandleStream(every(time.Millisecond, nil))))
	for range mediator.Stream(context.Background(), m, ticks{N: 1}) {
	}
	for _, e := range spans.GetSpans()[0].Events[:2] {
		fmt.Println(e.Name)
	}
	// Output:
	// fsmediator.first_item
	// fsmediator.stall
}

func ExampleRoots() {
	spans, tracers := kept()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(tracers, otelmediator.Roots())),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }, mediator.Group("mail"))))
	_ = mediator.Publish(context.Background(), m, OrderPlaced{})
	mail, publish := spans.GetSpans()[0], spans.GetSpans()[1]
	fmt.Println(mail.Parent.IsValid(), mail.Links[0].SpanContext.Equal(publish.SpanContext))
	// Output: false true
}

func ExampleSpansOnly() {
	spans, tracers := kept()
	flaky := true
	m := must(mediator.New(
		mediator.Use(
			otelmediator.Behavior(tracers),
			behaviors.Retry(behaviors.RetryConfig{Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errSoldOut)}),
			otelmediator.Behavior(tracers, otelmediator.SpansOnly())),
		mediator.Handle(func(ctx context.Context, o PlaceOrder) (int, error) {
			if flaky {
				flaky = false
				return 0, errSoldOut
			}
			return place(ctx, o)
		}, mediator.Named("orders.place"))))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{})
	for _, s := range spans.GetSpans() {
		fmt.Println(s.Name, s.Status.Code)
	}
	// Output:
	// send orders.place Error
	// send orders.place Unset
	// send orders.place Unset
}

func ExampleBehavior_publish() {
	spans, tracers := kept()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(tracers)),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }, mediator.Group("mail"), mediator.Named("orders.placed")),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }, mediator.Group("stock"))))
	if err := mediator.Publish(context.Background(), m, OrderPlaced{SKU: "x"}); err != nil {
		panic(err)
	}
	for _, s := range spans.GetSpans() {
		fmt.Println(s.Name)
	}
	// Output:
	// process orders.placed
	// process orders.placed
	// publish orders.placed
}

func ExamplePublisherFor() {
	spans, tracers := kept()
	handled := mediator.Use(otelmediator.Behavior(tracers)) // not around the mediator
	m := must(mediator.New(
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }, mediator.Named("orders.placed"), handled)))
	publish := otelmediator.PublisherFor[OrderPlaced](m)
	if err := publish(context.Background(), OrderPlaced{SKU: "x"}); err != nil {
		panic(err)
	}
	for _, s := range spans.GetSpans() {
		fmt.Println(s.Name)
	}
	// Output:
	// process orders.placed
	// publish orders.placed
}

func ExampleOnRetry() {
	spans := tracetest.NewInMemoryExporter()
	c := behaviors.RetryConfig{Retries: 1, Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errSoldOut)}
	c.OnRetry = otelmediator.OnRetry // for the span below, which no Behavior has made
	m := must(mediator.New(mediator.Use(behaviors.Retry(c)), mediator.Handle(place)))

	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	ctx, span := provider.Tracer("shop").Start(context.Background(), "checkout")
	_, _ = mediator.Send(ctx, m, PlaceOrder{SKU: "moon"})
	span.End()
	for _, e := range spans.GetSpans()[0].Events {
		fmt.Println(e.Name)
	}
	// Output: fsmediator.retry
}

func ExampleBehavior_retry() {
	spans, tracers := kept()
	c := behaviors.RetryConfig{Retries: 1, Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errSoldOut)}
	m := must(mediator.New(mediator.Use(otelmediator.Behavior(tracers), behaviors.Retry(c)), mediator.Handle(place)))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "moon"})
	for _, e := range spans.GetSpans()[0].Events {
		fmt.Println(e.Name)
	}
	// Output:
	// fsmediator.retry
	// exception
}

func ExampleOnSlow() {
	spans, tracers := kept()
	slow := behaviors.Slow(behaviors.SlowConfig{Over: time.Nanosecond, OnSlow: otelmediator.OnSlow})
	m := must(mediator.New(mediator.Use(otelmediator.Behavior(tracers), slow), mediator.Handle(place)))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{})
	fmt.Println(spans.GetSpans()[0].Events[0].Name)
	// Output: fsmediator.slow
}

func ExampleStateChanges() {
	reader := metric.NewManualReader()
	changed := otelmediator.StateChanges(otelmediator.MeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{OnStateChange: changed})
	breaker.Isolate("orders.place")
	breaker.Reset("orders.place")
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		panic(err)
	}
	changes := all.ScopeMetrics[0].Metrics[0]
	fmt.Println(changes.Name, len(changes.Data.(metricdata.Sum[int64]).DataPoints))
	// Output: fsmediator.breaker.changes 2
}

func ExampleObserve() {
	reader := metric.NewManualReader()
	recorder, breaker := behaviors.NewRecorder(), behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	recorder.Watch(breaker)
	breaker.Isolate("orders.place")
	stop, err := otelmediator.Observe(recorder, otelmediator.MeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		panic(err)
	}
	defer func() { _ = stop() }()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		panic(err)
	}
	for _, one := range all.ScopeMetrics[0].Metrics {
		if gauge, ok := one.Data.(metricdata.Gauge[float64]); ok {
			fmt.Println(one.Name, gauge.DataPoints[0].Value)
		}
	}
	// Output: fsmediator.behavior.state 3
}

func ExampleErrorType() {
	fmt.Println(otelmediator.ErrorType(fmt.Errorf("place: %w", behaviors.ErrFull)))
	fmt.Println(otelmediator.ErrorType(fmt.Errorf("place: %w", &deadletter.StoreError{})))
	// Output:
	// bulkhead_full
	// *deadletter.StoreError
}

func ExampleLetterHeaders() {
	store := deadletter.NewMemory()
	_, tracers := kept()
	m := must(mediator.New(
		mediator.Use(
			otelmediator.Behavior(tracers),
			deadletter.Behavior(store, deadletter.Headers(otelmediator.LetterHeaders()))),
		mediator.Handle(place)))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "moon"})
	for l := range deadletter.All(context.Background(), store, deadletter.Filter{}) {
		fmt.Println(len(l.Headers["traceparent"]))
	}
	// Output: 55
}

func ExampleLetterCause() {
	store := deadletter.NewMemory()
	spans, tracers := kept()
	m := must(mediator.New(
		mediator.Use(
			otelmediator.Behavior(tracers),
			deadletter.Behavior(store, deadletter.Headers(otelmediator.LetterHeaders()))),
		mediator.Handle(place)))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{SKU: "moon"})
	_, err := deadletter.Redrive(context.Background(), m, store, deadletter.Context(otelmediator.LetterCause()))
	if err != nil {
		panic(err)
	}
	failed, redriven := spans.GetSpans()[0], spans.GetSpans()[1]
	fmt.Println(redriven.Links[0].SpanContext.SpanID() == failed.SpanContext.SpanID())
	// Output: true
}

func ExamplePropagator() {
	// A transport that has a type of its own for headers, as natsmediator has.
	p := otelmediator.Propagator[propagation.MapCarrier]()
	_, tracers := kept()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(tracers)),
		mediator.Handle(func(ctx context.Context, _ PlaceOrder) (int, error) {
			headers := propagation.MapCarrier{}
			p.Inject(ctx, headers)
			return len(headers["traceparent"]), nil
		})))
	fmt.Println(mediator.Send(context.Background(), m, PlaceOrder{}))
	// Output: 55 <nil>
}

func ExampleExemplarLabels() {
	_, tracers := kept()
	m := must(mediator.New(
		mediator.Use(otelmediator.Behavior(tracers)),
		mediator.Handle(func(ctx context.Context, _ PlaceOrder) (int, error) {
			return len(otelmediator.ExemplarLabels(ctx)["trace_id"]), nil
		})))
	fmt.Println(mediator.Send(context.Background(), m, PlaceOrder{}))
	// Output: 32 <nil>
}
