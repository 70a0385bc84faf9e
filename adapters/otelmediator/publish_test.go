package otelmediator_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// publishers are the ways to publish.
func publishers(m *mediator.Mediator) map[string]func(context.Context, paid) error {
	return map[string]func(context.Context, paid) error{
		"plain":        func(ctx context.Context, p paid) error { return mediator.Publish(ctx, m, p) },
		"in parallel":  func(ctx context.Context, p paid) error { return mediator.Publish(ctx, m, p, mediator.Parallel(0)) },
		"boxed":        func(ctx context.Context, p paid) error { return mediator.Publish(ctx, m, any(p)) },
		"later":        mediator.PublisherFor[paid](m),
		"PublisherFor": otelmediator.PublisherFor[paid](m),
	}
}

func TestEverySortOfCallIsASpan(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }, mediator.Named("charge")),
		mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("mail"), mediator.Named("paid")),
		mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("audit")),
		mediator.HandleStream(every(0, nil), mediator.Named("ticks")))
	_, err := mediator.Send(t.Context(), m, charge{})
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, paid{}))
	for _, err := range mediator.Stream(t.Context(), m, ticks{N: 1}) {
		require.NoError(t, err)
	}
	require.Equal(t, []string{"send charge", "process paid", "process paid", "publish paid", "stream ticks"}, names(r.spans.GetSpans()))
}

func TestAPublishIsASpan(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()),
		mediator.Subscribe(func(context.Context, paid) error { return errDeclined }, mediator.Group("mail"), mediator.Named("billing.paid")),
		mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("audit")))
	for name, publish := range publishers(m) {
		t.Run(name, func(t *testing.T) {
			r.spans.Reset()
			ctx, end := r.under("request")
			require.ErrorIs(t, publish(ctx, paid{}), errDeclined)
			end()
			require.Len(t, r.spans.GetSpans(), 4)
			s := r.span(t, "publish billing.paid")
			require.Equal(t, r.span(t, "request").SpanContext, s.Parent)
			require.Equal(t, trace.SpanKindProducer, s.SpanKind)
			require.Equal(t, codes.Error, s.Status.Code)
			require.Contains(t, event(t, s, "exception")["exception.message"], "declined")
			require.Equal(t, map[string]any{
				"messaging.system":           "fsmediator",
				"messaging.operation.name":   "publish",
				"messaging.operation.type":   "send",
				"messaging.destination.name": "billing.paid",
				"fsmediator.ending":          "failed",
				"error.type":                 "*errors.errorString",
			}, attrs(s.Attributes))
			for _, child := range r.all("process billing.paid") {
				require.Equal(t, s.SpanContext, child.Parent)
				require.Len(t, child.Links, 1)
				require.Equal(t, s.SpanContext, child.Links[0].SpanContext)
			}
		})
	}
	// A histogram has counted each of them once.
	published := points(t, r.metrics(t)["messaging.client.operation.duration"])
	require.Len(t, published, 1)
	require.EqualValues(t, len(publishers(m)), published[0].Count)
	require.EqualValues(t, 0, sums(t, r.metrics(t)["fsmediator.calls.active"], none)[""])
}

func TestAPublishThatNobodyHearsIsASpan(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{}))
	require.Equal(t, "succeeded", attrs(r.span(t, "publish otelmediator_test.paid").Attributes)["fsmediator.ending"])
}

func TestAPublishOfASubscriberIsASpanOfItsOwn(t *testing.T) {
	for name, opts := range map[string][]otelmediator.Option{
		"spans":   {otelmediator.MeterProvider(metricnoop.NewMeterProvider())},
		"metrics": {otelmediator.TracerProvider(tracenoop.NewTracerProvider())},
		"both":    nil,
	} {
		for which := range publishers(nil) {
			t.Run(name+" "+which, func(t *testing.T) {
				r := newRig()
				var m *mediator.Mediator
				m = newMediator(t, mediator.Use(r.behavior(opts...)),
					mediator.Subscribe(func(ctx context.Context, p paid) error {
						if p.Cents == 0 {
							return nil
						}
						return publishers(m)[which](ctx, paid{p.Cents - 1})
					}, mediator.Group("mail"), mediator.Named("paid")))
				require.NoError(t, publishers(m)[which](t.Context(), paid{2}))
				if name != "metrics" {
					require.Equal(t, []string{"process paid", "publish paid", "process paid", "publish paid", "process paid", "publish paid"}, names(r.spans.GetSpans()))
				}
				if name != "spans" {
					require.EqualValues(t, 3, points(t, r.metrics(t)["messaging.client.operation.duration"])[0].Count)
				}
			})
		}
	}
}

// What stands outside of the subscribers' spans is not one of them.
func TestAPublishBeneathABehaviorOfASubscriberIsASpanOfItsOwn(t *testing.T) {
	r := newRig()
	var m *mediator.Mediator
	charges := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if c.Name() == "paid" {
			if _, err := mediator.Send(ctx, m, charge{}); err != nil {
				return err
			}
		}
		return next(ctx, c)
	})
	m = newMediator(t, mediator.Use(charges, r.behavior()),
		mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("mail"), mediator.Named("paid")),
		mediator.Subscribe(func(context.Context, string) error { return nil }, mediator.Group("log"), mediator.Named("text")),
		mediator.Handle(func(ctx context.Context, _ charge) (int, error) { return 0, mediator.Publish(ctx, m, "charged") }, mediator.Named("charge")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{}))
	require.Equal(t, []string{"process text", "publish text", "send charge", "process paid", "publish paid"}, names(r.spans.GetSpans()))
	require.Equal(t, r.span(t, "send charge").SpanContext, r.span(t, "publish text").Parent)
}

func TestOnlyTheOutermostMakesTheSpanOfAPublish(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior(), r.behavior(otelmediator.SpansOnly())),
		mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("mail"), mediator.Named("paid")))
	for name, publish := range publishers(m) {
		r.spans.Reset()
		require.NoError(t, publish(t.Context(), paid{}))
		require.Equal(t, []string{"process paid", "process paid", "publish paid"}, names(r.spans.GetSpans()), name)
	}
}

func TestASubscriberThatPanicsOrExitsEndsTheSpanOfThePublish(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Subscribe(func(_ context.Context, p paid) error {
		if p.Cents > 0 {
			runtime.Goexit()
		}
		panic("out of paper")
	}))
	var failed *mediator.PanicError
	require.ErrorAs(t, mediator.Publish(t.Context(), m, paid{}), &failed)
	s := r.span(t, "publish otelmediator_test.paid")
	require.Equal(t, "panicked", attrs(s.Attributes)["fsmediator.ending"])

	r.spans.Reset()
	var wg sync.WaitGroup
	wg.Go(func() { _ = mediator.Publish(t.Context(), m, paid{1}) })
	wg.Wait()
	require.Equal(t, "exited", attrs(r.span(t, "publish otelmediator_test.paid").Attributes)["fsmediator.ending"])
}

func TestRelayIsThePublishSpan(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()),
		mediator.Relay(func(context.Context, paid) error { return nil }),
		mediator.Subscribe(func(context.Context, paid) error { return nil }))
	for name, publish := range publishers(m) {
		r.spans.Reset()
		require.NoError(t, publish(context.Background(), paid{}))
		s := r.span(t, "publish otelmediator_test.paid")
		require.Equal(t, trace.SpanKindProducer, s.SpanKind)
		require.Equal(t, "send", attrs(s.Attributes)["messaging.operation.type"])
		require.Len(t, r.spans.GetSpans(), 1, name)
	}
}

func TestPublisherForMakesTheSpanOfAPublish(t *testing.T) {
	r := newRig()
	handle := func(context.Context, paid) error { return errDeclined }
	m := newMediator(t, mediator.Use(behaviors.When(func(mediator.Call) bool { return true }, r.behavior())),
		mediator.Subscribe(handle, mediator.Group("mail"), mediator.Named("billing.paid")),
		mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("audit")))
	publish := otelmediator.PublisherFor[paid](m, mediator.Parallel(0))
	require.ErrorIs(t, publish(context.Background(), paid{}), errDeclined)

	s := r.span(t, "publish billing.paid")
	require.Equal(t, trace.SpanKindProducer, s.SpanKind)
	require.Equal(t, "*errors.errorString", attrs(s.Attributes)["error.type"])
	children := r.all("process billing.paid")
	require.Len(t, children, 2)
	for _, child := range children {
		require.Equal(t, s.SpanContext, child.Parent)
		require.Equal(t, s.SpanContext, child.Links[0].SpanContext)
	}
}

func TestPublisherForFindsABehaviorAnywhere(t *testing.T) {
	r := newRig()
	traced := mediator.Use(r.behavior())
	m := newMediator(t, mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }, traced))
	require.NoError(t, otelmediator.PublisherFor[paid](m)(context.Background(), paid{}))
	require.Equal(t, []string{"publish otelmediator_test.paid"}, names(r.spans.GetSpans()))

	none := newMediator(t, mediator.Subscribe(func(context.Context, paid) error { return errDeclined }))
	require.ErrorIs(t, otelmediator.PublisherFor[paid](none)(context.Background(), paid{}), errDeclined)
	require.Len(t, r.spans.GetSpans(), 1)
}
