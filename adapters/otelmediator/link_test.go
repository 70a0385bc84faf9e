package otelmediator_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

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

// It is the attempt that publishes, not the subscriber as a whole.
func TestAnAttemptThatPublishesIsThePublisher(t *testing.T) {
	r := newRig()
	var m *mediator.Mediator
	m = newMediator(t, mediator.Subscribe(func(ctx context.Context, p paid) error {
		if p.Cents == 0 {
			return nil
		}
		return mediator.Publish(ctx, m, paid{p.Cents - 1})
	}, mediator.Group("mail"), mediator.Named("paid"), mediator.Use(r.behavior(), retry(nil), r.behavior(otelmediator.SpansOnly()))))
	ctx, end := r.under("request")
	require.NoError(t, mediator.Publish(ctx, m, paid{1}))
	end()
	spans := r.all("process paid") // as they ended: from the inside out
	require.Len(t, spans, 4)
	publishes := spans[2]
	require.Equal(t, spans[3].SpanContext, publishes.Parent)
	for i, want := range []trace.SpanContext{publishes.SpanContext, publishes.SpanContext, r.span(t, "request").SpanContext, r.span(t, "request").SpanContext} {
		publisher, ok := publisherOf(spans[i])
		require.True(t, ok)
		require.Equal(t, want, publisher, i)
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

// A redrive is no publish, also where a subscriber of one makes it.
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
