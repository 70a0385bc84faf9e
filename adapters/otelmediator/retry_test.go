package otelmediator_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// retry tries three times what is declined, and calls on for each retry.
func retry(on func(context.Context, behaviors.RetryEvent)) mediator.Behavior {
	return behaviors.Retry(behaviors.RetryConfig{Retries: 2, Budget: behaviors.NoBudget(), Delay: time.Nanosecond,
		RetryIf: behaviors.ErrorIs(errDeclined), OnRetry: on})
}

// retriesIn returns the events of retries.
func retriesIn(s tracetest.SpanStub) (all []string) {
	for _, e := range s.Events {
		if a := attrs(e.Attributes); e.Name == "fsmediator.retry" {
			all = append(all, fmt.Sprint(a["messaging.destination.name"], " ", a["messaging.consumer.group.name"], " ", a["fsmediator.attempt"]))
		}
	}
	return all
}

func TestAttemptsAreSpans(t *testing.T) {
	r := newRig()
	c := behaviors.RetryConfig{Retries: 2, Budget: behaviors.NoBudget(), Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errDeclined)}
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
		require.Equal(t, "otelmediator_test.charge", attrs(e.Attributes)["messaging.destination.name"])
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

func TestARetryIsOneEventHoweverItIsWired(t *testing.T) {
	wrapped := func(ctx context.Context, e behaviors.RetryEvent) { otelmediator.OnRetry(ctx, e) }
	between := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return next(behaviors.ObserveRetries(ctx, wrapped), c)
	})
	for name, inside := range map[string][]mediator.Behavior{
		"not at all":              {retry(nil)},
		"to OnRetry":              {retry(otelmediator.OnRetry)},
		"to a function around it": {retry(wrapped)},
		"to an observer between":  {between, retry(nil)},
		"to both":                 {between, retry(wrapped)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			m := newMediator(t, mediator.Use(append([]mediator.Behavior{r.behavior()}, inside...)...),
				mediator.Handle(func(context.Context, charge) (int, error) { return 0, errDeclined }, mediator.Named("charge")),
				mediator.Subscribe(func(context.Context, paid) error { return errDeclined }, mediator.Group("mail"), mediator.Named("paid")),
				mediator.HandleStream(every(0, errDeclined), mediator.Named("ticks")))
			for range 2 {
				_, err := mediator.Send(t.Context(), m, charge{})
				require.ErrorIs(t, err, errDeclined)
			}
			for _, s := range r.all("send charge") {
				require.Equal(t, []string{"charge <nil> 2", "charge <nil> 3"}, retriesIn(s))
			}
			require.ErrorIs(t, mediator.Publish(t.Context(), m, paid{}), errDeclined)
			require.Equal(t, []string{"paid mail 2", "paid mail 3"}, retriesIn(r.span(t, "process paid")))
			require.Empty(t, retriesIn(r.span(t, "publish paid")))
			for range mediator.Stream(t.Context(), m, ticks{}) {
			}
			require.Equal(t, []string{"ticks <nil> 2", "ticks <nil> 3"}, retriesIn(r.span(t, "stream ticks")))
		})
	}
}

func TestRetriesOfSeveralSeriesAreEvents(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.OnWarning(func(string) {}), mediator.Use(r.behavior(), retry(otelmediator.OnRetry), retry(otelmediator.OnRetry)),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, errDeclined }, mediator.Named("charge")))
	_, err := mediator.Send(t.Context(), m, charge{})
	require.ErrorIs(t, err, errDeclined)
	inner := []string{"charge <nil> 2", "charge <nil> 3"}
	require.Equal(t, []string{inner[0], inner[1], inner[0], inner[0], inner[1], inner[1], inner[0], inner[1]}, retriesIn(r.span(t, "send charge")))
}

// What a handler sends where nothing is traced is told to the handler's span, by name.
func TestRetriesWithoutASpanOfTheirOwnAreNamed(t *testing.T) {
	r := newRig()
	untraced := newMediator(t, mediator.Use(retry(nil)),
		mediator.Subscribe(func(context.Context, paid) error { return errDeclined }, mediator.Named("paid"), mediator.Group("mail")))
	m := newMediator(t, mediator.Use(r.behavior(), retry(nil)), mediator.Handle(func(ctx context.Context, _ charge) (int, error) {
		_ = mediator.Publish(ctx, untraced, paid{})
		return 0, nil
	}))
	_, err := mediator.Send(t.Context(), m, charge{})
	require.NoError(t, err)
	require.Equal(t, []string{"paid mail 2", "paid mail 3"}, retriesIn(r.span(t, "send otelmediator_test.charge")))
}

func TestASpanThatIsNotRecordedHearsNoRetries(t *testing.T) {
	r := newRig()
	unsampled := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()), sdktrace.WithSyncer(r.spans))
	var heard int
	outer := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return next(behaviors.ObserveRetries(ctx, func(context.Context, behaviors.RetryEvent) { heard++ }), c)
	})
	m := newMediator(t, mediator.Use(outer, otelmediator.Behavior(otelmediator.TracerProvider(unsampled)), retry(nil)),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, errDeclined }))
	_, err := mediator.Send(t.Context(), m, charge{})
	require.ErrorIs(t, err, errDeclined)
	require.Empty(t, r.spans.GetSpans())
	require.Equal(t, 2, heard, "so it is not between them and who does")
}

// loose is a context that cannot be compared.
type loose struct {
	context.Context
	_ []int
}

func TestOnRetryTakesAnyContext(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(func(ctx context.Context, _ charge) (int, error) {
		for attempt := 2; attempt <= 20; attempt++ {
			otelmediator.OnRetry(ctx, behaviors.RetryEvent{Attempt: attempt, Err: errDeclined})
		}
		otelmediator.OnRetry(loose{Context: ctx}, behaviors.RetryEvent{Attempt: 21, Err: errDeclined})
		otelmediator.OnRetry(loose{Context: ctx}, behaviors.RetryEvent{Attempt: 22, Err: errDeclined})
		return 0, nil
	}))
	_, err := mediator.Send(t.Context(), m, charge{})
	require.NoError(t, err)
	require.Len(t, retriesIn(r.span(t, "send otelmediator_test.charge")), 21)
}

func TestEventsNeedASpan(t *testing.T) {
	require.NotPanics(t, func() {
		otelmediator.OnRetry(context.Background(), behaviors.RetryEvent{})
		otelmediator.OnSlow(context.Background(), behaviors.SlowCall{})
	})
}
