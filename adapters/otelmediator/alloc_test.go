//go:build !race

package otelmediator_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/stretchr/testify/require"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// sends returns the allocations of a Send that fails if the cents are negative.
func sends(t *testing.T, cents int, b mediator.Behavior) float64 {
	t.Helper()
	m := newMediator(t, mediator.Use(b), mediator.Handle(func(_ context.Context, c charge) (int, error) {
		if c.Cents < 0 {
			return 0, errDeclined
		}
		return c.Cents, nil
	}))
	return testing.AllocsPerRun(1000, func() { _, _ = mediator.Send(context.Background(), m, charge{Cents: cents}) })
}

func TestAllocationsWithNoopProviders(t *testing.T) {
	b := otelmediator.Behavior(otelmediator.TracerProvider(tracenoop.NewTracerProvider()), otelmediator.MeterProvider(metricnoop.NewMeterProvider()))
	require.LessOrEqual(t, sends(t, 1, b), 1.0)
	require.LessOrEqual(t, sends(t, -1, b), 1.0)
	require.LessOrEqual(t, sends(t, 1, otelmediator.Behavior()), 3.0, "no providers are set: those of package otel forward")
}

func TestMeasurementsAllocateNothing(t *testing.T) {
	for name, tracers := range map[string]otelmediator.Option{
		"noop":      otelmediator.TracerProvider(tracenoop.NewTracerProvider()),
		"unsampled": otelmediator.TracerProvider(trace.NewTracerProvider(trace.WithSampler(trace.NeverSample()))),
	} {
		t.Run(name, func(t *testing.T) {
			measured := otelmediator.MeterProvider(metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())))
			without := otelmediator.MeterProvider(metricnoop.NewMeterProvider())
			more := func(cents int) float64 {
				return sends(t, cents, otelmediator.Behavior(tracers, measured)) - sends(t, cents, otelmediator.Behavior(tracers, without))
			}
			require.Zero(t, more(1))
			require.LessOrEqual(t, more(-1), 1.0, "EndingOf may need one for an error")
		})
	}
}

func TestItemsAllocateNothing(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.HandleStream(every(0, nil)))
	run := func(n int) float64 {
		return testing.AllocsPerRun(20, func() {
			for range mediator.Stream(t.Context(), m, ticks{N: n}) {
			}
			r.spans.Reset()
		})
	}
	require.InDelta(t, run(10), run(1000), 10)
}

func TestAllocationsOfAPublish(t *testing.T) {
	noSpans, noMetrics := otelmediator.TracerProvider(tracenoop.NewTracerProvider()), otelmediator.MeterProvider(metricnoop.NewMeterProvider())
	measured := otelmediator.MeterProvider(metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())))
	publishes := func(metrics otelmediator.Option) float64 {
		m := newMediator(t, mediator.Use(otelmediator.Behavior(noSpans, metrics)), mediator.Subscribe(func(context.Context, paid) error { return nil }))
		return testing.AllocsPerRun(1000, func() { _ = mediator.Publish(context.Background(), m, paid{}) })
	}
	idle := publishes(noMetrics)
	require.LessOrEqual(t, idle, 5.0, "one for each of two spans, and those of a publish that is wrapped")
	require.LessOrEqual(t, publishes(measured)-idle, 1.0)
}
