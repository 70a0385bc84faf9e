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
		{"answer of the business", func(context.Context, context.CancelCauseFunc) error {
			return fmt.Errorf("charge: %w", behaviors.Business(errDeclined))
		}, "declined", nil},
		{"invalid", func(context.Context, context.CancelCauseFunc) error { return behaviors.ErrInvalid }, "declined", nil},
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
			if test.ending == "declined" {
				require.Equal(t, err.Error(), got["fsmediator.answer"])
			} else {
				require.NotContains(t, got, "fsmediator.answer")
			}
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
