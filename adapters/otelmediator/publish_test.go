package otelmediator_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
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

// What one subscriber answers hides no failure of another.
func TestAPublishIsDeclinedIfAllThatItEndsWithAreAnswers(t *testing.T) {
	answers := behaviors.Business(errDeclined)
	for _, test := range []struct {
		mail, audit error
		ending      string
		errorType   any
		status      codes.Code
	}{
		{answers, nil, "declined", nil, codes.Unset},
		{answers, answers, "declined", nil, codes.Unset},
		{answers, errDeclined, "failed", "*errors.errorString", codes.Error},
		{errDeclined, answers, "failed", "*errors.errorString", codes.Error},
		{answers, behaviors.ErrLimited, "rejected", "rate_limited", codes.Error},
		{answers, &mediator.PanicError{Value: 1}, "panicked", "panic", codes.Error},
	} {
		r := newRig()
		m := newMediator(t, mediator.Use(r.behavior()),
			mediator.Subscribe(func(context.Context, paid) error { return test.mail }, mediator.Group("mail"), mediator.Named("paid")),
			mediator.Subscribe(func(context.Context, paid) error { return test.audit }, mediator.Group("audit")))
		err := mediator.Publish(t.Context(), m, paid{})
		require.ErrorIs(t, err, test.mail)
		s := r.span(t, "publish paid")
		got := attrs(s.Attributes)
		require.Equal(t, []any{test.ending, test.errorType}, []any{got["fsmediator.ending"], got["error.type"]})
		require.Equal(t, test.status, s.Status.Code)
		if test.status == codes.Error {
			require.Equal(t, err.Error(), s.Status.Description)
		} else {
			require.Equal(t, err.Error(), got["fsmediator.answer"])
		}
	}
}

// Who cancels a publish still sees what else went wrong.
func TestAPublishIsCanceledIfNothingElseWentWrong(t *testing.T) {
	canceled, answers := context.Canceled, behaviors.Business(errDeclined)
	for _, test := range []struct {
		mail, audit error
		ending      string
		errorType   string // "" if it is no failure
	}{
		{canceled, nil, "canceled", ""},
		{canceled, canceled, "canceled", ""},
		{canceled, answers, "canceled", ""},
		{canceled, errDeclined, "failed", "*errors.errorString"},
		{errDeclined, canceled, "failed", "*errors.errorString"},
		{canceled, behaviors.ErrFull, "rejected", "bulkhead_full"},
		{canceled, (*coded)(nil), "failed", "*otelmediator_test.coded"},
	} {
		r := newRig()
		ctx, cancel := context.WithCancel(t.Context())
		m := newMediator(t, mediator.Use(r.behavior()),
			mediator.Subscribe(func(context.Context, paid) error { cancel(); return test.mail }, mediator.Group("mail"), mediator.Named("paid")),
			mediator.Subscribe(func(context.Context, paid) error { <-ctx.Done(); return test.audit }, mediator.Group("audit")))
		require.Error(t, mediator.Publish(ctx, m, paid{}, mediator.Parallel(0)))
		s := r.span(t, "publish paid")
		kvs := map[string]any{"fsmediator.ending": test.ending}
		if test.errorType != "" {
			kvs["error.type"] = test.errorType
		}
		require.Subset(t, attrs(s.Attributes), kvs)
		require.Equal(t, test.errorType != "", s.Status.Code == codes.Error)
		require.Equal(t, test.errorType != "", hasEvent(s, "exception"))
		published := points(t, r.metrics(t)["messaging.client.operation.duration"])
		require.Len(t, published, 1)
		require.Subset(t, attrs(published[0].Attributes.ToSlice()), kvs)
	}
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

func TestEachSubscriberIsASpanLinkedToThePublisher(t *testing.T) {
	for _, roots := range []bool{false, true} {
		t.Run(fmt.Sprint("roots=", roots), func(t *testing.T) {
			r := newRig()
			var opts []otelmediator.Option
			if roots {
				opts = append(opts, otelmediator.Roots())
			}
			m := newMediator(t, mediator.Use(r.behavior(opts...)),
				mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Named("billing.paid"), mediator.Group("mail")),
				mediator.Subscribe(func(context.Context, paid) error { return errDeclined }, mediator.Group("stock")))
			ctx, end := r.under("request")
			require.ErrorIs(t, mediator.Publish(ctx, m, paid{}), errDeclined)
			end()

			publisher := r.span(t, "publish billing.paid")
			require.Equal(t, r.span(t, "request").SpanContext, publisher.Parent)
			require.Empty(t, publisher.Links)
			require.Equal(t, codes.Error, publisher.Status.Code)
			spans := r.all("process billing.paid")
			require.Len(t, spans, 2)
			for i, group := range []string{"mail", "stock"} {
				s := spans[i]
				require.Equal(t, group, attrs(s.Attributes)["messaging.consumer.group.name"])
				require.Equal(t, "process", attrs(s.Attributes)["messaging.operation.name"])
				require.Equal(t, "process", attrs(s.Attributes)["messaging.operation.type"])
				require.Equal(t, trace.SpanKindConsumer, s.SpanKind)
				require.Len(t, s.Links, 1)
				require.Equal(t, publisher.SpanContext, s.Links[0].SpanContext)
				require.Equal(t, map[string]any{"fsmediator.link": "publisher"}, attrs(s.Links[0].Attributes))
				if roots {
					require.False(t, s.Parent.IsValid())
					require.NotEqual(t, publisher.SpanContext.TraceID(), s.SpanContext.TraceID())
				} else {
					require.Equal(t, publisher.SpanContext, s.Parent)
				}
			}
			require.Equal(t, codes.Unset, spans[0].Status.Code)
			require.Equal(t, codes.Error, spans[1].Status.Code)
		})
	}
}

func TestBackgroundIsLinkedToItsCause(t *testing.T) {
	r := newRig()
	m, err := mediator.New(mediator.Use(r.behavior()),
		mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("mail")))
	require.NoError(t, err)
	ctx, end := r.under("request")
	ctx, cancel := context.WithCancel(ctx)
	require.NoError(t, mediator.Publish(ctx, m, paid{}, mediator.Background()))
	cancel()
	end()
	require.NoError(t, m.Close(context.Background()))

	cause, s := r.span(t, "publish otelmediator_test.paid"), r.span(t, "process otelmediator_test.paid")
	require.Equal(t, r.span(t, "request").SpanContext, cause.Parent)
	require.Equal(t, cause.SpanContext, s.Parent)
	require.Len(t, s.Links, 1)
	require.Equal(t, cause.SpanContext, s.Links[0].SpanContext)
	require.Equal(t, "succeeded", attrs(s.Attributes)["fsmediator.ending"])
}

func TestNoSpanAroundMeansNoLink(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Use(r.behavior())))
	require.NoError(t, mediator.Publish(context.Background(), m, paid{}))
	require.Len(t, r.spans.GetSpans(), 1, "around a subscriber alone it does not see the publish")
	require.Empty(t, r.span(t, "process otelmediator_test.paid").Links)
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

// publisherOf is the span that s is linked to as its publisher's, false if it has none.
func publisherOf(s tracetest.SpanStub) (trace.SpanContext, bool) {
	for _, l := range s.Links {
		if attrs(l.Attributes)["fsmediator.link"] == "publisher" {
			return l.SpanContext, true
		}
	}
	return trace.SpanContext{}, false
}

func TestOnlyAPublishIsAPublisher(t *testing.T) {
	r := newRig()
	between := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		ctx, span := r.tracers.Tracer("test").Start(ctx, "between")
		defer span.End()
		return next(ctx, c)
	})
	for name, bs := range map[string][]mediator.Behavior{
		"attempts":            {r.behavior(), retry(nil), r.behavior(otelmediator.SpansOnly())},
		"attempts, all roots": {r.behavior(otelmediator.Roots()), retry(nil), r.behavior(otelmediator.SpansOnly(), otelmediator.Roots())},
		"a span of others":    {between, r.behavior()},
	} {
		for _, background := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " background=", background), func(t *testing.T) {
				r.spans.Reset()
				m, err := mediator.New(mediator.OnError(func(context.Context, error) {}), mediator.Use(bs...),
					mediator.Subscribe(func(context.Context, paid) error { return errDeclined }, mediator.Group("mail"), mediator.Named("paid")))
				require.NoError(t, err)
				ctx, end := r.under("request")
				if background {
					require.NoError(t, mediator.Publish(ctx, m, paid{}, mediator.Background()))
				} else {
					require.ErrorIs(t, mediator.Publish(ctx, m, paid{}), errDeclined)
				}
				end()
				require.NoError(t, m.Close(t.Context()))
				spans := r.all("process paid")
				require.Len(t, spans, map[bool]int{true: 4, false: 1}[len(bs) == 3])
				for _, s := range spans {
					publisher, ok := publisherOf(s)
					require.True(t, ok)
					require.Equal(t, r.span(t, "publish paid").SpanContext, publisher)
				}
			})
		}
	}
}

// Around a subscriber it sees no publish: then what is above is what publishes.
func TestWhatPublishesWithoutASpanOfThePublishIsThePublisher(t *testing.T) {
	r := newRig()
	whole, attempts := r.behavior(), r.behavior(otelmediator.SpansOnly())
	var m *mediator.Mediator
	m = newMediator(t, mediator.Subscribe(func(ctx context.Context, p paid) error {
		if p.Cents == 0 {
			return nil
		}
		return mediator.Publish(ctx, m, paid{p.Cents - 1})
	}, mediator.Group("mail"), mediator.Named("paid"), mediator.Use(whole)),
		mediator.Subscribe(func(_ context.Context, p string) error { return nil }, mediator.Group("log"), mediator.Named("text"), mediator.Use(whole, retry(nil), attempts)))
	ctx, end := r.under("request")
	require.NoError(t, mediator.Publish(ctx, m, paid{1}))
	require.NoError(t, mediator.Publish(ctx, m, "paid"))
	end()
	request := r.span(t, "request").SpanContext
	again, first := r.all("process paid")[0], r.all("process paid")[1]
	attempt, log := r.all("process text")[0], r.all("process text")[1]
	for _, test := range []struct {
		span tracetest.SpanStub
		want trace.SpanContext
	}{{first, request}, {again, first.SpanContext}, {log, request}, {attempt, request}} {
		publisher, ok := publisherOf(test.span)
		require.True(t, ok)
		require.Equal(t, test.want, publisher)
	}
}

// What came over a wire has its publish there.
func TestADeliveryFromElsewhereIsLinkedToThePublishThere(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior(), retry(nil), r.behavior(otelmediator.SpansOnly())),
		mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("mail"), mediator.Named("paid")))
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), remote)
	require.NoError(t, mediator.DispatchTo(ctx, m, "paid", "mail", func(any) error { return nil }))
	spans := r.all("process paid")
	require.Len(t, spans, 2)
	for _, s := range spans {
		publisher, ok := publisherOf(s)
		require.True(t, ok)
		require.True(t, publisher.Equal(remote))
	}
}

// A redrive is no publish, also beneath one of the same name.
func TestARedriveHasNoPublisher(t *testing.T) {
	r, store := newRig(), deadletter.NewMemory()
	fails := true
	var m *mediator.Mediator
	m = newMediator(t, mediator.OnWarning(func(string) {}),
		mediator.Use(r.behavior(), deadletter.Behavior(store, deadletter.Headers(otelmediator.LetterHeaders())), r.behavior(otelmediator.SpansOnly())),
		mediator.Subscribe(func(ctx context.Context, p paid) error {
			if fails {
				return errDeclined
			}
			return nil
		}, mediator.Group("mail"), mediator.Named("paid")),
		mediator.Subscribe(func(ctx context.Context, p string) error {
			fails = false
			report, err := deadletter.Redrive(ctx, m, store)
			require.Equal(t, 1, report.Redriven)
			return err
		}, mediator.Named("text"), mediator.Group("mend")))
	require.ErrorIs(t, mediator.Publish(t.Context(), m, paid{}), errDeclined)
	r.spans.Reset()
	require.NoError(t, mediator.Publish(t.Context(), m, "again"))
	spans := r.all("process paid")
	require.Len(t, spans, 2)
	for _, s := range spans {
		require.Empty(t, s.Links)
	}
}
