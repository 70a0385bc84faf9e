package otelmediator_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// wirings are: without the behavior, with providers that do nothing, with none set,
// with metrics that are collected, and with spans that are, too.
func wirings() []wiring {
	noSpans, noMetrics := otelmediator.TracerProvider(tracenoop.NewTracerProvider()), otelmediator.MeterProvider(metricnoop.NewMeterProvider())
	spans := otelmediator.TracerProvider(trace.NewTracerProvider())
	metrics := otelmediator.MeterProvider(metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())))
	return []wiring{
		{"none", nil},
		{"noop", []mediator.Option{mediator.Use(otelmediator.Behavior(noSpans, noMetrics))}},
		{"unset", []mediator.Option{mediator.Use(otelmediator.Behavior())}},
		{"metrics", []mediator.Option{mediator.Use(otelmediator.Behavior(noSpans, metrics))}},
		{"spans", []mediator.Option{mediator.Use(otelmediator.Behavior(spans, noMetrics))}},
		{"both", []mediator.Option{mediator.Use(otelmediator.Behavior(spans, metrics))}},
	}
}

type wiring struct {
	name string
	opts []mediator.Option
}

// BenchmarkSend is the cost of a request.
func BenchmarkSend(b *testing.B) {
	for _, bench := range wirings() {
		b.Run(bench.name, func(b *testing.B) {
			m := newMediator(b, append(bench.opts, mediator.Handle(func(_ context.Context, c charge) (int, error) { return c.Cents, nil }))...)
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mediator.Send(ctx, m, charge{Cents: 7}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPublish is the cost of a notification with one subscriber: two spans.
func BenchmarkPublish(b *testing.B) {
	for _, bench := range wirings() {
		b.Run(bench.name, func(b *testing.B) {
			m := newMediator(b, append(bench.opts, mediator.Subscribe(func(context.Context, paid) error { return nil }))...)
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if err := mediator.Publish(ctx, m, paid{Cents: 7}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkItem is the cost of an item of a stream.
func BenchmarkItem(b *testing.B) {
	const items = 100_000
	for _, bench := range []struct {
		name string
		opts []mediator.Option
	}{
		{"none", nil},
		{"noop", []mediator.Option{mediator.Use(otelmediator.Behavior())}},
		{"both", []mediator.Option{mediator.Use(newRig().behavior())}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := newMediator(b, append(bench.opts, mediator.HandleStream(every(0, nil)))...)
			for b.Loop() {
				for _, err := range mediator.Stream(b.Context(), m, ticks{N: items}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
		})
	}
}
