package otelmediator_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/internal/entrypoint"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryEntryPointHasAnExample(t *testing.T) {
	missing, err := entrypoint.WithoutExample(".")
	require.NoError(t, err)
	require.Empty(t, missing)
}

var errDeclined = errors.New("declined")

type (
	charge struct {
		mediator.Returns[int]
		Cents int
	}
	paid  struct{ Cents int }
	ticks struct {
		mediator.Yields[int]
		N int
	}
)

// rig is an SDK that keeps what is exported.
type rig struct {
	spans   *tracetest.InMemoryExporter
	tracers *trace.TracerProvider
	reader  *metric.ManualReader
	meters  *metric.MeterProvider
}

func newRig() *rig {
	r := &rig{spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	r.tracers = trace.NewTracerProvider(trace.WithSyncer(r.spans))
	r.meters = metric.NewMeterProvider(metric.WithReader(r.reader))
	return r
}

func (r *rig) behavior(opts ...otelmediator.Option) mediator.Behavior {
	return otelmediator.Behavior(append([]otelmediator.Option{
		otelmediator.TracerProvider(r.tracers), otelmediator.MeterProvider(r.meters)}, opts...)...)
}

// under returns a context with a span, and what ends that.
func (r *rig) under(name string) (context.Context, func()) {
	ctx, span := r.tracers.Tracer("test").Start(context.Background(), name)
	return ctx, func() { span.End() }
}

// span returns the only span that was exported by the name.
func (r *rig) span(t testing.TB, name string) tracetest.SpanStub {
	t.Helper()
	found := r.all(name)
	require.Len(t, found, 1, "%q among %v", name, names(r.spans.GetSpans()))
	return found[0]
}

func (r *rig) all(name string) (found []tracetest.SpanStub) {
	for _, s := range r.spans.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

func names(spans tracetest.SpanStubs) (all []string) {
	for _, s := range spans {
		all = append(all, s.Name)
	}
	return all
}

// metrics returns what the reader collects, by name.
func (r *rig) metrics(t testing.TB) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, r.reader.Collect(context.Background(), &all))
	found := map[string]metricdata.Metrics{}
	for _, scope := range all.ScopeMetrics {
		require.Equal(t, otelmediator.ScopeName, scope.Scope.Name)
		for _, m := range scope.Metrics {
			found[m.Name] = m
		}
	}
	return found
}

// attrs is a set as a map.
func attrs(kvs []attribute.KeyValue) map[string]any {
	all := map[string]any{}
	for _, kv := range kvs {
		all[string(kv.Key)] = kv.Value.AsInterface()
	}
	return all
}

// event returns the attributes of the only event by the name.
func event(t testing.TB, s tracetest.SpanStub, name string) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, e := range s.Events {
		if e.Name == name {
			found = append(found, attrs(e.Attributes))
		}
	}
	require.Len(t, found, 1, "%s among %v", name, s.Events)
	return found[0]
}

func hasEvent(s tracetest.SpanStub, name string) bool {
	for _, e := range s.Events {
		if e.Name == name {
			return true
		}
	}
	return false
}

func newMediator(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	return mediatortest.New(t, opts...)
}
