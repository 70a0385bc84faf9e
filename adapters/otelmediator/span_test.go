package otelmediator_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func TestSendIsASpan(t *testing.T) {
	r := newRig()
	var inside trace.SpanContext
	m := newMediator(t, mediator.Use(r.behavior(otelmediator.Attributes(attribute.String("shop", "north")))),
		mediator.Handle(func(ctx context.Context, c charge) (int, error) {
			inside = trace.SpanContextFromContext(ctx)
			return c.Cents, nil
		}, mediator.Named("billing.charge")))
	ctx, end := r.under("request")
	_, err := mediator.Send(ctx, m, charge{Cents: 5})
	require.NoError(t, err)
	end()

	s := r.span(t, "send billing.charge")
	require.Equal(t, inside, s.SpanContext)
	require.Equal(t, r.span(t, "request").SpanContext, s.Parent)
	require.Equal(t, trace.SpanKindInternal, s.SpanKind)
	require.Empty(t, s.Links)
	require.Empty(t, s.Events)
	require.Equal(t, codes.Unset, s.Status.Code)
	require.Equal(t, otelmediator.ScopeName, s.InstrumentationScope.Name)
	require.Contains(t, s.InstrumentationScope.SchemaURL, "https://opentelemetry.io/schemas/")
	require.Equal(t, map[string]any{
		"shop":                       "north",
		"messaging.system":           "fsmediator",
		"messaging.operation.name":   "send",
		"messaging.operation.type":   "process",
		"messaging.destination.name": "billing.charge",
		"fsmediator.ending":          "succeeded",
	}, attrs(s.Attributes))
}

func TestErrorsAreRecorded(t *testing.T) {
	for _, test := range []struct {
		name      string
		handle    func(ctx context.Context, cancel context.CancelCauseFunc) error
		ending    string
		errorType any // nil: it is no failure
	}{
		{"none", func(context.Context, context.CancelCauseFunc) error { return nil }, "succeeded", nil},
		{"any", func(context.Context, context.CancelCauseFunc) error { return fmt.Errorf("charge: %w", errDeclined) }, "failed", "*errors.errorString"},
		{"limited", func(context.Context, context.CancelCauseFunc) error {
			return fmt.Errorf("charge: %w", behaviors.ErrLimited)
		}, "rejected", "rate_limited"},
		{"late", func(context.Context, context.CancelCauseFunc) error { return context.DeadlineExceeded }, "timed out", "timeout"},
		{"cancelled by the caller", func(ctx context.Context, cancel context.CancelCauseFunc) error {
			cancel(errors.New("the user left"))
			return ctx.Err()
		}, "canceled", nil},
		{"cancelled by someone else", func(context.Context, context.CancelCauseFunc) error { return context.Canceled }, "failed", "canceled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig()
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(func(ctx context.Context, c charge) (int, error) {
				return 0, test.handle(ctx, cancel)
			}))
			_, err := mediator.Send(ctx, m, charge{})
			s := r.span(t, "send otelmediator_test.charge")
			got := attrs(s.Attributes)
			require.Equal(t, test.ending, got["fsmediator.ending"])
			require.Equal(t, test.errorType, got["error.type"])
			if test.errorType == nil {
				require.Equal(t, codes.Unset, s.Status.Code)
				require.Empty(t, s.Events)
				return
			}
			require.Equal(t, codes.Error, s.Status.Code)
			require.Equal(t, err.Error(), s.Status.Description)
			require.Equal(t, err.Error(), event(t, s, "exception")["exception.message"])
		})
	}
}

func TestPanicIsRecordedAndGoesOn(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(panics))
	require.PanicsWithValue(t, "out of paper", func() { _, _ = mediator.Send(context.Background(), m, charge{}) })
	s := r.span(t, "send otelmediator_test.charge")
	require.Equal(t, codes.Error, s.Status.Code)
	require.Equal(t, "panicked", attrs(s.Attributes)["fsmediator.ending"])
	require.Equal(t, "panic", attrs(s.Attributes)["error.type"])
	e := event(t, s, "exception")
	require.Equal(t, "panic: out of paper", e["exception.message"])
	require.Contains(t, e["exception.stacktrace"], "otelmediator_test.panics")
}

func panics(context.Context, charge) (int, error) { panic("out of paper") }

func TestPanicThatWasRecoveredInsideKeepsItsStack(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior(), behaviors.Recover()), mediator.Handle(panics))
	_, err := mediator.Send(context.Background(), m, charge{})
	require.Error(t, err)
	s := r.span(t, "send otelmediator_test.charge")
	require.Equal(t, "panicked", attrs(s.Attributes)["fsmediator.ending"])
	require.Contains(t, event(t, s, "exception")["exception.stacktrace"], "otelmediator_test.panics")
}

func TestGoexitEndsTheSpan(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(func(context.Context, charge) (int, error) {
		runtime.Goexit()
		return 0, nil
	}))
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = mediator.Send(context.Background(), m, charge{}) })
	wg.Wait()
	s := r.span(t, "send otelmediator_test.charge")
	require.Equal(t, "exited", attrs(s.Attributes)["fsmediator.ending"])
	require.Equal(t, "goexit", attrs(s.Attributes)["error.type"])
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

			publisher := r.span(t, "request")
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

	cause, s := r.span(t, "request"), r.span(t, "process otelmediator_test.paid")
	require.Equal(t, cause.SpanContext, s.Parent)
	require.Len(t, s.Links, 1)
	require.Equal(t, cause.SpanContext, s.Links[0].SpanContext)
	require.Equal(t, "succeeded", attrs(s.Attributes)["fsmediator.ending"])
}

func TestNoSpanAroundMeansNoLink(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Subscribe(func(context.Context, paid) error { return nil }))
	require.NoError(t, mediator.Publish(context.Background(), m, paid{}))
	require.Empty(t, r.span(t, "process otelmediator_test.paid").Links)
}

func TestRelayIsThePublishSpan(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()),
		mediator.Relay(func(context.Context, paid) error { return nil }),
		mediator.Subscribe(func(context.Context, paid) error { return nil }))
	require.NoError(t, otelmediator.PublisherFor[paid](m)(context.Background(), paid{}))
	s := r.span(t, "publish otelmediator_test.paid")
	require.Equal(t, trace.SpanKindProducer, s.SpanKind)
	require.Equal(t, "send", attrs(s.Attributes)["messaging.operation.type"])
	require.Len(t, r.spans.GetSpans(), 1)
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

func TestAttemptsAreSpans(t *testing.T) {
	r := newRig()
	c := behaviors.RetryConfig{Retries: 2, Budget: behaviors.NoBudget(), Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errDeclined), OnRetry: otelmediator.OnRetry}
	m := newMediator(t, mediator.Use(r.behavior(), behaviors.Retry(c), r.behavior(otelmediator.SpansOnly())),
		mediator.Handle(func(ctx context.Context, c charge) (int, error) {
			if behaviors.Attempt(ctx) > c.Cents {
				return 0, nil
			}
			return 0, errDeclined
		}))
	_, err := mediator.Send(context.Background(), m, charge{Cents: 2})
	require.NoError(t, err)
	spans := r.all("send otelmediator_test.charge")
	require.Len(t, spans, 4)
	whole := spans[3]
	require.Equal(t, codes.Unset, whole.Status.Code, "what was retried with success is no error")
	require.NotContains(t, attrs(whole.Attributes), "fsmediator.attempt")
	for i, s := range spans[:3] {
		require.Equal(t, whole.SpanContext, s.Parent)
		if i == 0 {
			require.NotContains(t, attrs(s.Attributes), "fsmediator.attempt")
			continue
		}
		require.EqualValues(t, i+1, attrs(s.Attributes)["fsmediator.attempt"])
	}
	require.Equal(t, codes.Error, spans[1].Status.Code)
	require.Equal(t, codes.Unset, spans[2].Status.Code)

	var attempts []any
	for _, e := range whole.Events {
		require.Equal(t, "fsmediator.retry", e.Name)
		require.Equal(t, "*errors.errorString", attrs(e.Attributes)["error.type"])
		require.Positive(t, attrs(e.Attributes)["fsmediator.duration"])
		attempts = append(attempts, attrs(e.Attributes)["fsmediator.attempt"])
	}
	require.Equal(t, []any{int64(2), int64(3)}, attempts)

	r.spans.Reset()
	_, err = mediator.Send(context.Background(), m, charge{Cents: 9})
	require.ErrorIs(t, err, errDeclined)
	spans = r.all("send otelmediator_test.charge")
	require.EqualValues(t, 3, attrs(spans[3].Attributes)["fsmediator.tries"])
	require.Equal(t, "*errors.errorString", attrs(spans[3].Attributes)["error.type"])
}

func TestOpenBreakerIsAnEvent(t *testing.T) {
	r := newRig()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{OnStateChange: otelmediator.StateChanges(otelmediator.MeterProvider(r.meters))})
	m := newMediator(t, mediator.Use(r.behavior(), breaker),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }, mediator.Named("billing.charge")))
	breaker.Isolate("billing.charge")
	_, err := mediator.Send(context.Background(), m, charge{})
	require.ErrorIs(t, err, behaviors.ErrOpen)
	s := r.span(t, "send billing.charge")
	require.Equal(t, "rejected", attrs(s.Attributes)["fsmediator.ending"])
	require.Equal(t, "circuit_open", attrs(s.Attributes)["error.type"])
	require.Equal(t, map[string]any{
		"fsmediator.breaker.key": "billing.charge", "fsmediator.breaker.state": "isolated", "fsmediator.duration": 0.0,
	}, event(t, s, "fsmediator.breaker.rejected"))

	require.Equal(t, map[string]int64{"billing.charge closed→isolated": 1}, sums(t, r.metrics(t)["fsmediator.breaker.changes"], func(a map[string]any) string {
		return fmt.Sprint(a["fsmediator.breaker.key"], " ", a["fsmediator.breaker.from"], "→", a["fsmediator.breaker.state"])
	}))
}

func TestSlowCallIsAnEvent(t *testing.T) {
	r := newRig()
	slow := behaviors.Slow(behaviors.SlowConfig{Over: time.Nanosecond, OnSlow: otelmediator.OnSlow})
	m := newMediator(t, mediator.Use(r.behavior(), slow), mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }))
	_, err := mediator.Send(context.Background(), m, charge{})
	require.NoError(t, err)
	e := event(t, r.span(t, "send otelmediator_test.charge"), "fsmediator.slow")
	require.Equal(t, "completion", e["fsmediator.reason"])
	require.Positive(t, e["fsmediator.duration"])
}

func TestEventsNeedASpan(t *testing.T) {
	require.NotPanics(t, func() {
		otelmediator.OnRetry(context.Background(), behaviors.RetryEvent{})
		otelmediator.OnSlow(context.Background(), behaviors.SlowCall{})
	})
}
