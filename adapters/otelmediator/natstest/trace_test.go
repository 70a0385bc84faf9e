package natstest_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	charge struct {
		mediator.Returns[string]
		Cents int
	}
	ticks struct {
		mediator.Yields[int]
		N int
	}
	paid struct{ Cents int }
)

func (charge) MessageName() string { return "billing.charge" }
func (ticks) MessageName() string  { return "ticks" }
func (paid) MessageName() string   { return "billing.paid" }

const patience = 20 * time.Second

// embed returns a node whose messages carry traces and baggage.
func embed(t *testing.T) *natsmediator.Node {
	t.Helper()
	n, err := natsmediator.Embed(t.TempDir(), natsmediator.Propagate(otelmediator.Propagator[natsmediator.Carrier]()))
	require.NoError(t, err)
	atEnd(t, n.Close)
	return n
}

// side is one process: a mediator, and the spans that it makes.
func side(t *testing.T, opts ...mediator.Option) (*mediator.Mediator, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	behavior := otelmediator.Behavior(otelmediator.TracerProvider(sdk.NewTracerProvider(sdk.WithSyncer(spans))))
	m, err := mediator.New(append(opts, mediator.Use(behavior))...)
	require.NoError(t, err)
	atEnd(t, m.Close)
	return m, spans
}

func atEnd(t *testing.T, end func(ctx context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, end(ctx))
	})
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// withTenant has a baggage to carry.
func withTenant(t *testing.T) context.Context {
	t.Helper()
	member, err := baggage.NewMember("tenant", "north")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	return baggage.ContextWithBaggage(within(t), bag)
}

// span waits for the only span by the name.
func span(t *testing.T, spans *tracetest.InMemoryExporter, name string) (found tracetest.SpanStub) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, s := range spans.GetSpans() {
			if s.Name == name {
				found = s
			}
		}
		return found.Name != ""
	}, patience, time.Millisecond, name)
	return found
}

func childOf(t *testing.T, parent, child tracetest.SpanStub) {
	t.Helper()
	require.True(t, child.Parent.IsRemote())
	require.Equal(t, parent.SpanContext.TraceID(), child.SpanContext.TraceID())
	require.Equal(t, parent.SpanContext.SpanID(), child.Parent.SpanID())
}

func TestRemoteRequestContinuesTheTrace(t *testing.T) {
	node := embed(t)
	server, there := side(t, mediator.Handle(func(ctx context.Context, _ charge) (string, error) {
		return baggage.FromContext(ctx).Member("tenant").Value(), nil
	}))
	service, err := natsmediator.Serve(within(t), server, node, "billing")
	require.NoError(t, err)
	atEnd(t, service.Close)
	client, here := side(t, natsmediator.Remote[charge](node, "billing"))

	tenant, err := mediator.Send(withTenant(t), client, charge{Cents: 5})
	require.NoError(t, err)
	require.Equal(t, "north", tenant)
	sent, handled := here.GetSpans()[0], span(t, there, "send billing.charge")
	childOf(t, sent, handled)
	require.Equal(t, trace.SpanKindInternal, sent.SpanKind)
	require.Equal(t, trace.SpanKindServer, handled.SpanKind)
}

func TestRemoteStreamContinuesTheTrace(t *testing.T) {
	node := embed(t)
	server, there := side(t, mediator.HandleStream(func(_ context.Context, q ticks) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range q.N {
				if !yield(i, nil) {
					return
				}
			}
		}
	}))
	service, err := natsmediator.Serve(within(t), server, node, "clock")
	require.NoError(t, err)
	atEnd(t, service.Close)
	client, here := side(t, natsmediator.RemoteStream[ticks](node, "clock"))

	n := 0
	for _, err := range mediator.Stream(within(t), client, ticks{N: 10}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 10, n)
	handled := span(t, there, "stream ticks")
	childOf(t, here.GetSpans()[0], handled)
	require.Equal(t, trace.SpanKindServer, handled.SpanKind)
}

func TestDurableNotificationContinuesTheTrace(t *testing.T) {
	node := embed(t)
	var tenant atomic.Value
	m, spans := side(t, natsmediator.Durable[paid](node),
		mediator.Subscribe(func(ctx context.Context, _ paid) error {
			tenant.Store(baggage.FromContext(ctx).Member("tenant").Value())
			return nil
		}, mediator.Group("mail")))
	require.NoError(t, mediator.Publish(withTenant(t), m, paid{Cents: 5}))
	processed, published := span(t, spans, "process billing.paid"), span(t, spans, "publish billing.paid")
	childOf(t, published, processed)
	require.Equal(t, trace.SpanKindProducer, published.SpanKind)
	require.Equal(t, trace.SpanKindConsumer, processed.SpanKind)
	require.Len(t, processed.Links, 1)
	require.Equal(t, published.SpanContext.SpanID(), processed.Links[0].SpanContext.SpanID())
	require.Equal(t, "north", tenant.Load())
	require.Len(t, spans.GetSpans(), 2, "what is delivered to a group is not published again")
}

type shipped struct{}

func (shipped) MessageName() string { return "shipped" }

// What a subscriber publishes in its own process is below what has reached it from
// another: publish, process | publish, process.
func TestTheTraceGoesOnThroughAPublishOnTheOtherSide(t *testing.T) {
	node := embed(t)
	var there *mediator.Mediator
	subscribe := func(ctx context.Context, _ paid) error { return mediator.Publish(ctx, there, shipped{}) }
	there, spans := side(t, natsmediator.Durable[paid](node), mediator.Subscribe(subscribe, mediator.Group("stock")),
		mediator.Subscribe(func(context.Context, shipped) error { return nil }, mediator.Group("mail")))
	require.NoError(t, mediator.Publish(within(t), there, paid{}))

	processed, published := span(t, spans, "process billing.paid"), span(t, spans, "publish billing.paid")
	childOf(t, published, processed)
	local, last := span(t, spans, "publish shipped"), span(t, spans, "process shipped")
	require.Equal(t, processed.SpanContext, local.Parent)
	require.Empty(t, local.Links)
	require.Equal(t, local.SpanContext, last.Parent)
	require.Equal(t, local.SpanContext, last.Links[0].SpanContext)
	require.Len(t, spans.GetSpans(), 4)
}
