package otelmediator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func none(map[string]any) string { return "" }

// sums returns the values of a counter by what by makes of their attributes.
func sums(t testing.TB, m metricdata.Metrics, by func(map[string]any) string) map[string]int64 {
	t.Helper()
	data, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok, "%q is a %T", m.Name, m.Data)
	all := map[string]int64{}
	for _, p := range data.DataPoints {
		all[by(attrs(p.Attributes.ToSlice()))] += p.Value
	}
	return all
}

// points returns the data points of a histogram.
func points(t testing.TB, m metricdata.Metrics) []metricdata.HistogramDataPoint[float64] {
	t.Helper()
	data, ok := m.Data.(metricdata.Histogram[float64])
	require.True(t, ok, "%q is a %T", m.Name, m.Data)
	return data.DataPoints
}

func TestDurationsAreMeasured(t *testing.T) {
	r := newRig()
	var during int64
	m := newMediator(t, mediator.Use(r.behavior(otelmediator.Attributes(attribute.String("shop", "north")))),
		mediator.Handle(func(_ context.Context, c charge) (int, error) {
			during = sums(t, r.metrics(t)["fsmediator.calls.active"], none)[""]
			switch {
			case c.Cents < -1:
				return 0, behaviors.Business(errDeclined)
			case c.Cents < 0:
				return 0, fmt.Errorf("charge: %w", errDeclined)
			}
			return 0, nil
		}, mediator.Named("billing.charge")),
		mediator.Relay(func(context.Context, paid) error { return nil }, mediator.Named("billing.paid")))
	for _, cents := range []int{1, 2, -1, -2} {
		_, err := mediator.Send(context.Background(), m, charge{Cents: cents})
		require.Equal(t, cents < 0, err != nil)
	}
	require.NoError(t, mediator.Publish(context.Background(), m, paid{}))

	require.EqualValues(t, 1, during)
	got := r.metrics(t)
	require.EqualValues(t, 0, sums(t, got["fsmediator.calls.active"], none)[""])
	process := got["messaging.process.duration"]
	require.Equal(t, "s", process.Unit)
	counts := map[string]uint64{}
	for _, p := range points(t, process) {
		a := attrs(p.Attributes.ToSlice())
		require.Equal(t, "north", a["shop"])
		require.Equal(t, "fsmediator", a["messaging.system"])
		require.Equal(t, "send", a["messaging.operation.name"])
		require.Equal(t, "billing.charge", a["messaging.destination.name"])
		require.InDelta(t, 0.005, p.Bounds[0], 0)
		require.Positive(t, p.Sum)
		counts[fmt.Sprint(a["fsmediator.ending"], " ", a["error.type"])] = p.Count
	}
	require.Equal(t, map[string]uint64{"succeeded <nil>": 2, "failed *errors.errorString": 1, "declined <nil>": 1}, counts)
	publish := points(t, got["messaging.client.operation.duration"])
	require.Len(t, publish, 1)
	require.Equal(t, "send", attrs(publish[0].Attributes.ToSlice())["messaging.operation.type"])
}

func TestDurationHasTheTraceAsItsExemplar(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }))
	_, err := mediator.Send(context.Background(), m, charge{})
	require.NoError(t, err)
	exemplars := points(t, r.metrics(t)["messaging.process.duration"])[0].Exemplars
	require.Len(t, exemplars, 1)
	id := r.span(t, "send otelmediator_test.charge").SpanContext.SpanID()
	require.Equal(t, id[:], exemplars[0].SpanID)
}

func TestSpansOnlyMeasuresNothing(t *testing.T) {
	r := newRig()
	var warnings []string
	m := newMediator(t, mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(r.behavior(otelmediator.SpansOnly())), mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }))
	_, err := mediator.Send(context.Background(), m, charge{})
	require.NoError(t, err)
	require.Empty(t, r.metrics(t))
	require.Len(t, r.spans.GetSpans(), 1)
	require.Empty(t, warnings)
}

func TestTwoThatMeasureAreWarnedOf(t *testing.T) {
	r := newRig()
	var warnings []string
	newMediator(t, mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(r.behavior(), r.behavior(otelmediator.SpansOnly()), behaviors.When(func(mediator.Call) bool { return true }, r.behavior())),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }))
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "give this one SpansOnly")

	warnings = nil
	never := func(mediator.Call) bool { return false }
	newMediator(t, mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(behaviors.Except(never, r.behavior())...),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }, mediator.Use(r.behavior())))
	require.Empty(t, warnings, "it may be the exception's")
}

// kinds is an error with a type of its own for each value.
type kinds struct{ n int }

func (k kinds) Error() string     { return "failed" }
func (k kinds) ErrorType() string { return fmt.Sprint("kind ", k.n) }

func TestErrorTypesOfAHandlerAreBounded(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(func(_ context.Context, c charge) (int, error) { return 0, kinds{c.Cents} }))
	for i := range 1000 {
		_, err := mediator.Send(context.Background(), m, charge{Cents: i})
		require.Error(t, err)
	}
	all := points(t, r.metrics(t)["messaging.process.duration"])
	require.Len(t, all, 101)
	total := uint64(0)
	for _, p := range all {
		if attrs(p.Attributes.ToSlice())["error.type"] == "_OTHER" {
			require.EqualValues(t, 900, p.Count)
		}
		total += p.Count
	}
	require.EqualValues(t, 1000, total)
}

func TestHandlersAreBounded(t *testing.T) {
	r := newRig()
	b := r.behavior()
	for i := range 1010 {
		m := newMediator(t, mediator.Use(b), mediator.Handle(func(context.Context, charge) (int, error) { return 0, nil }, mediator.Named(fmt.Sprint("charge.", i))))
		_, err := mediator.Send(context.Background(), m, charge{})
		require.NoError(t, err)
	}
	all := points(t, r.metrics(t)["messaging.process.duration"])
	require.Len(t, all, 1001)
	for _, p := range all {
		if attrs(p.Attributes.ToSlice())["messaging.destination.name"] == "_OTHER" {
			require.EqualValues(t, 10, p.Count)
		}
	}
	require.Len(t, r.all("send _OTHER"), 10)
}

func TestConcurrentCallsOfManyNames(t *testing.T) {
	r := newRig()
	b := r.behavior()
	var wg sync.WaitGroup
	const mediators, calls = 4, 50
	for i := range mediators {
		m := newMediator(t, mediator.Use(b), mediator.Handle(func(_ context.Context, c charge) (int, error) {
			return 0, kinds{c.Cents % 5}
		}, mediator.Named(fmt.Sprint("charge.", i))))
		for range 4 {
			wg.Go(func() {
				for n := range calls {
					_, _ = mediator.Send(context.Background(), m, charge{Cents: n})
				}
			})
		}
	}
	wg.Wait()
	total := uint64(0)
	for _, p := range points(t, r.metrics(t)["messaging.process.duration"]) {
		require.EqualValues(t, 4*calls/5, p.Count)
		total += p.Count
	}
	require.EqualValues(t, mediators*4*calls, total)
	require.Len(t, r.spans.GetSpans(), mediators*4*calls)
}

// typeless is an error that could say what its type is, and does not.
type typeless struct{ error }

func (typeless) ErrorType() string { return "" }

func TestErrorType(t *testing.T) {
	type own struct{ error }
	for _, test := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errDeclined, "*errors.errorString"},
		{&mediator.PanicError{Value: behaviors.ErrOpen}, "panic"},
		{&behaviors.RetryError{Tries: 3, Err: fmt.Errorf("a: %w", &mediator.Error{Op: "send", Err: kinds{7}})}, "kind 7"},
		{fmt.Errorf("a: %w", &mediator.Error{Op: "send", Err: fmt.Errorf("b: %w", own{errDeclined})}), "otelmediator_test.own"},
		{errors.Join(&mediator.Error{Op: "publish", Err: own{errDeclined}}), "otelmediator_test.own"},
		{errors.Join(errDeclined, errDeclined), "*errors.joinError"},
		{&mediator.Error{Op: "send", Err: mediator.ErrNoHandler}, "no_handler"},
		{fmt.Errorf("a: %w", &behaviors.OpenError{}), "circuit_open"},
		{fmt.Errorf("no cause: %w", nil), "*fmt.wrapError"},
		{context.Canceled, "canceled"},
		{typeless{errDeclined}, "otelmediator_test.typeless"},
	} {
		require.Equal(t, test.want, otelmediator.ErrorType(test.err), "%#v", test.err)
	}
}

func TestObserveShowsWhatARecorderWatches(t *testing.T) {
	r := newRig()
	recorder := behaviors.NewRecorder()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	retry := func() mediator.Behavior {
		return behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errDeclined)})
	}
	stop, err := otelmediator.Observe(recorder, otelmediator.MeterProvider(r.meters), otelmediator.Attributes(attribute.String("shop", "north")))
	require.NoError(t, err)
	m := newMediator(t, mediator.Use(recorder, retry(), retry(), breaker), mediator.Handle(func(context.Context, charge) (int, error) {
		return 0, errDeclined
	}, mediator.Named("billing.charge")))
	_, _ = mediator.Send(context.Background(), m, charge{})
	breaker.Isolate("billing.charge")

	got := r.metrics(t)
	events := map[string]int{}
	for _, p := range got["fsmediator.behavior.events"].Data.(metricdata.Sum[float64]).DataPoints {
		a := attrs(p.Attributes.ToSlice())
		require.Equal(t, "north", a["shop"])
		events[fmt.Sprint(a["fsmediator.behavior"], " ", a["fsmediator.reading"], " ", a["fsmediator.scope"])] = int(p.Value)
	}
	require.Equal(t, 3, events["retry retries billing.charge"], "one of the outer, two of the inner")
	require.Equal(t, 1, events["circuitbreaker changes billing.charge"])
	state := got["fsmediator.behavior.state"].Data.(metricdata.Gauge[float64]).DataPoints
	require.Len(t, state, 1)
	require.InDelta(t, float64(behaviors.StateIsolated), state[0].Value, 0)

	require.NoError(t, stop())
	require.NoError(t, stop())
	require.Empty(t, r.metrics(t))
}

// globalEnv tells the test that it is in a process of its own.
const globalEnv = "OTELMEDIATOR_TEST_GLOBAL"

// What is made of the global providers before they are set forwards to the first
// that are, for ever: so the test runs in a process of its own.
func TestGlobalProvidersMayBeSetLater(t *testing.T) {
	if os.Getenv(globalEnv) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGlobalProvidersMayBeSetLater$", "-test.v", "-test.timeout=60s")
		child.Env = append(os.Environ(), globalEnv+"=1")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestGlobalProvidersMayBeSetLater")
		return
	}
	m := newMediator(t, mediator.Use(otelmediator.Behavior()), mediator.Handle(func(context.Context, charge) (int, error) { return 3, nil }))
	got, err := mediator.Send(context.Background(), m, charge{})
	require.NoError(t, err)
	require.Equal(t, 3, got)

	r := newRig()
	otel.SetTracerProvider(r.tracers)
	otel.SetMeterProvider(r.meters)
	_, err = mediator.Send(context.Background(), m, charge{})
	require.NoError(t, err)
	require.Len(t, r.spans.GetSpans(), 1)
	require.Contains(t, r.metrics(t), "messaging.process.duration")
}

func TestDroppedInstrumentsCostNothingAndBreakNothing(t *testing.T) {
	r := newRig()
	r.reader = metric.NewManualReader()
	r.meters = metric.NewMeterProvider(metric.WithReader(r.reader), metric.WithView(
		metric.NewView(metric.Instrument{Name: "messaging.*"}, metric.Stream{Aggregation: metric.AggregationDrop{}})))
	m := newMediator(t, mediator.Use(r.behavior()), mediator.HandleStream(every(0, nil)))
	for range mediator.Stream(t.Context(), m, ticks{N: 3}) {
	}
	got := r.metrics(t)
	require.NotContains(t, got, "messaging.process.duration")
	require.EqualValues(t, 3, sums(t, got["fsmediator.stream.items"], none)[""])
}

func TestNonsenseIsRefused(t *testing.T) {
	for want, f := range map[string]func(){
		"otelmediator: Behavior: option 2 of 2 is nil":          func() { otelmediator.Behavior(otelmediator.Roots(), nil) },
		"otelmediator: StateChanges: option 1 of 1 is nil":      func() { otelmediator.StateChanges(nil) },
		"otelmediator: TracerProvider: the provider is nil":     func() { otelmediator.TracerProvider(nil) },
		"otelmediator: MeterProvider: the provider is nil":      func() { otelmediator.MeterProvider(nil) },
		"otelmediator: Stall(0s): it has to be positive":        func() { otelmediator.Stall(0) },
		"otelmediator: Observe: the Recorder is nil":            func() { _, _ = otelmediator.Observe(nil) },
		"otelmediator: LetterHeaders: propagator 1 of 1 is nil": func() { otelmediator.LetterHeaders(nil) },
		"otelmediator: LetterCause: propagator 1 of 1 is nil":   func() { otelmediator.LetterCause(nil) },
		"otelmediator: Propagator: propagator 1 of 1 is nil":    func() { otelmediator.Propagator[headers](nil) },
	} {
		require.PanicsWithValue(t, want, f)
	}
}
