package otelmediator_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func TestRedriveIsLinkedToTheCallThatFailed(t *testing.T) {
	r := newRig()
	store := deadletter.NewMemory()
	fails := true
	var tenant string
	m := newMediator(t,
		mediator.Use(r.behavior(), deadletter.Behavior(store, deadletter.Headers(otelmediator.LetterHeaders()))),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }),
		mediator.Subscribe(func(ctx context.Context, p paid) error {
			if fails {
				return errDeclined
			}
			tenant = baggage.FromContext(ctx).Member("tenant").Value()
			_, err := mediator.Send(ctx, mediatorOf(ctx), charge{})
			return err
		}, mediator.Group("mail")))
	member, err := baggage.NewMember("tenant", "north")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	ctx, end := r.under("request")
	require.ErrorIs(t, mediator.Publish(baggage.ContextWithBaggage(ctx, bag), m, paid{}), errDeclined)
	end()
	failed := r.span(t, "process otelmediator_test.paid")

	r.spans.Reset()
	fails = false
	ctx, end = r.under("redrive")
	report, err := deadletter.Redrive(withMediator(ctx, m), m, store, deadletter.Context(otelmediator.LetterCause()))
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	end()
	s, redrive := r.span(t, "process otelmediator_test.paid"), r.span(t, "redrive")
	require.Equal(t, redrive.SpanContext, s.Parent)
	links := map[string]trace.SpanContext{}
	for _, l := range s.Links {
		links[attrs(l.Attributes)["fsmediator.link"].(string)] = l.SpanContext
	}
	require.Len(t, links, 1, "a redrive is no publish")
	require.Equal(t, failed.SpanContext.TraceID(), links["dead letter"].TraceID())
	require.Equal(t, failed.SpanContext.SpanID(), links["dead letter"].SpanID())
	require.Equal(t, "north", tenant)
	require.Empty(t, r.span(t, "send otelmediator_test.charge").Links, "what the handler sends is not the redrive")
}

type mediatorKey struct{}

func withMediator(ctx context.Context, m *mediator.Mediator) context.Context {
	return context.WithValue(ctx, mediatorKey{}, m)
}

func mediatorOf(ctx context.Context) *mediator.Mediator {
	return ctx.Value(mediatorKey{}).(*mediator.Mediator)
}

func TestLetterWithoutATraceHasNoHeaders(t *testing.T) {
	require.Nil(t, otelmediator.LetterHeaders()(context.Background()))
	ctx := otelmediator.LetterCause()(context.Background(), deadletter.Letter{Headers: map[string]string{"traceparent": "garbage", "baggage": ";;=,"}})
	require.Equal(t, context.Background(), ctx)
}

func TestLettersUseThePropagatorsGiven(t *testing.T) {
	r := newRig()
	ctx, end := r.under("request")
	defer end()
	require.Equal(t, []string{"traceparent"}, slices.Collect(maps.Keys(otelmediator.LetterHeaders(propagation.TraceContext{})(ctx))))
	require.Empty(t, otelmediator.LetterHeaders(propagation.Baggage{})(ctx))
	require.Len(t, otelmediator.LetterHeaders(propagation.Baggage{}, propagation.TraceContext{})(ctx), 1)
}

func TestExemplarLabelsAreThoseOfASampledSpan(t *testing.T) {
	require.Nil(t, otelmediator.ExemplarLabels(context.Background()))
	r := newRig()
	ctx, end := r.under("request")
	end()
	sc := r.span(t, "request").SpanContext
	require.Equal(t, map[string]string{"trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String()}, otelmediator.ExemplarLabels(ctx))
	dropped, span := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("test").Start(context.Background(), "request")
	span.End()
	require.Nil(t, otelmediator.ExemplarLabels(dropped))
}

// headers is the type that a transport has for its headers.
type headers interface {
	Get(key string) string
	Set(key, value string)
	Keys() []string
}

// propagator is what such a transport asks for.
type propagator interface {
	Inject(ctx context.Context, h headers)
	Extract(ctx context.Context, h headers) context.Context
}

func TestPropagatorCarriesTheTraceToAnotherProcess(t *testing.T) {
	var p propagator = otelmediator.Propagator[headers]()
	here, there := newRig(), newRig()
	remote := newMediator(t, mediator.Use(there.behavior()),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }),
		mediator.Subscribe(func(context.Context, paid) error { return nil }))
	m := newMediator(t, mediator.Use(here.behavior()), mediator.Handle(func(ctx context.Context, c charge) (int, error) {
		h := propagation.MapCarrier{}
		p.Inject(ctx, h)
		arrived := p.Extract(context.Background(), h)
		require.NoError(t, mediator.Publish(arrived, remote, paid{}))
		return mediator.Send(arrived, remote, c)
	}))
	_, err := mediator.Send(context.Background(), m, charge{})
	require.NoError(t, err)

	client, server := here.span(t, "send otelmediator_test.charge"), there.span(t, "send otelmediator_test.charge")
	require.Equal(t, client.SpanContext.SpanID(), server.Parent.SpanID())
	require.Equal(t, client.SpanContext.TraceID(), server.SpanContext.TraceID())
	require.True(t, server.Parent.IsRemote())
	require.Equal(t, trace.SpanKindInternal, client.SpanKind)
	require.Equal(t, trace.SpanKindServer, server.SpanKind)
	publisher, subscriber := there.span(t, "publish otelmediator_test.paid"), there.span(t, "process otelmediator_test.paid")
	require.Equal(t, client.SpanContext.SpanID(), publisher.Parent.SpanID())
	require.Equal(t, trace.SpanKindProducer, publisher.SpanKind)
	require.Equal(t, trace.SpanKindConsumer, subscriber.SpanKind)
	require.Equal(t, publisher.SpanContext, subscriber.Links[0].SpanContext)
}
