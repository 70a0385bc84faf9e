package otelmediator

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
)

// instruments are those of calls.
type instruments struct {
	process   metric.Float64Histogram
	publish   metric.Float64Histogram
	firstItem metric.Float64Histogram
	active    metric.Int64UpDownCounter
	items     metric.Int64Counter
}

// bounds are those that the conventions have for durations in seconds.
var bounds = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

func newInstruments(m metric.Meter) instruments {
	return instruments{
		process: made(messagingconv.NewProcessDuration(m, bounds)).Inst(),
		publish: made(messagingconv.NewClientOperationDuration(m, bounds)).Inst(),
		firstItem: made(m.Float64Histogram("fsmediator.stream.first_item.duration",
			metric.WithUnit("s"), metric.WithDescription("Time from the beginning of a stream to its first item."), bounds)),
		active: made(m.Int64UpDownCounter("fsmediator.calls.active",
			metric.WithUnit("{call}"), metric.WithDescription("Calls in progress."))),
		items: made(m.Int64Counter("fsmediator.stream.items",
			metric.WithUnit("{item}"), metric.WithDescription("Items that streams have delivered."))),
	}
}

// made is an instrument, which works also where there is an error to report.
func made[I any](i I, err error) I {
	if err != nil {
		otel.Handle(err)
	}
	return i
}

// enabled tells whether somebody collects any of this.
func (i *instruments) enabled(ctx context.Context) bool {
	return i.process.Enabled(ctx) || i.active.Enabled(ctx) || i.publish.Enabled(ctx) || i.items.Enabled(ctx) || i.firstItem.Enabled(ctx)
}
