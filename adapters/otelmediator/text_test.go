package otelmediator_test

import (
	"context"
	"errors"
	"iter"
	"log"
	"runtime"
	"testing"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/otelmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// garbled is an error that has no text, and whose type has none.
type garbled struct{}

func (garbled) Error() string     { return "no \xff text" }
func (garbled) ErrorType() string { return "type \xff" }

func requireText(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		require.True(t, utf8.ValidString(s), "%q", s)
	}
}

func requireTexts(t *testing.T, kvs []attribute.KeyValue) {
	t.Helper()
	for _, kv := range kvs {
		requireText(t, kv.Value.String())
	}
}

// An exporter that speaks OTLP loses all spans and metrics of a batch in which one
// string is not UTF-8.
func TestWhatIsNoTextIsMadeText(t *testing.T) {
	r, recorder := newRig(), behaviors.NewRecorder()
	stop, err := otelmediator.Observe(recorder, otelmediator.MeterProvider(r.meters))
	require.NoError(t, err)
	defer func() { require.NoError(t, stop()) }()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{
		Key:           func(mediator.Call) string { return "tenant \xfe" },
		OnStateChange: otelmediator.StateChanges(otelmediator.MeterProvider(r.meters)),
	})
	m := newMediator(t, mediator.Use(r.behavior(), recorder, breaker),
		mediator.Handle(func(context.Context, charge) (int, error) { return 0, garbled{} }, mediator.Named("charge \xff")),
		mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("stock \xff")))
	_, err = mediator.Send(t.Context(), m, charge{})
	require.ErrorAs(t, err, new(garbled))
	breaker.Isolate()
	_, err = mediator.Send(t.Context(), m, charge{})
	require.ErrorIs(t, err, behaviors.ErrOpen)
	require.Error(t, mediator.Publish(t.Context(), m, paid{}))

	spans := r.spans.GetSpans()
	require.Len(t, spans, 4)
	for _, s := range spans {
		requireText(t, s.Name, s.Status.Description)
		requireTexts(t, s.Attributes)
		for _, e := range s.Events {
			requireTexts(t, e.Attributes)
		}
	}
	failed := spans[0]
	require.Equal(t, "send charge \uFFFD", failed.Name)
	require.Equal(t, codes.Error, failed.Status.Code)
	require.Equal(t, "type \uFFFD", attrs(failed.Attributes)["error.type"])
	exception := event(t, failed, "exception")
	require.Contains(t, exception["exception.message"], "no \uFFFD text")
	require.Equal(t, "otelmediator_test.garbled", exception["exception.type"])
	require.Equal(t, "tenant \uFFFD", event(t, spans[1], "fsmediator.breaker.rejected")["fsmediator.breaker.key"])

	got := r.metrics(t)
	for _, name := range []string{"messaging.process.duration", "fsmediator.behavior.events", "fsmediator.behavior.state", "fsmediator.breaker.changes"} {
		require.Contains(t, got, name)
	}
	for _, one := range got {
		switch data := one.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				requireTexts(t, p.Attributes.ToSlice())
			}
		case metricdata.Sum[float64]:
			for _, p := range data.DataPoints {
				requireTexts(t, p.Attributes.ToSlice())
			}
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				requireTexts(t, p.Attributes.ToSlice())
			}
		case metricdata.Gauge[float64]:
			for _, p := range data.DataPoints {
				requireTexts(t, p.Attributes.ToSlice())
			}
		default:
			require.Fail(t, "nothing looks into", "%T", data)
		}
	}
}

// declined is an error by its pointer, of which the nil one has no text.
type declined struct{ reason string }

func (d *declined) Error() string { return d.reason }

// Who returns a nil pointer as an error has made a mistake, which is not for what
// watches to punish.
func TestAnErrorWhoseTextPanicsIsReturned(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(func(context.Context, charge) (int, error) {
		var none *declined
		return 0, none
	}))
	_, err := mediator.Send(t.Context(), m, charge{})
	var d *declined
	require.True(t, errors.As(err, &d) && d == nil)
	s := r.span(t, "send otelmediator_test.charge")
	require.Equal(t, codes.Error, s.Status.Code)
	require.Equal(t, "<nil>", s.Status.Description)
	require.Equal(t, map[string]any{"exception.type": "*otelmediator_test.declined", "exception.message": "<nil>"}, event(t, s, "exception"))
}

// coded is an error of which the nil pointer says nothing.
type coded struct{ code string }

func (c *coded) Error() string     { return "code " + c.code }
func (c *coded) ErrorType() string { return c.code }

// torn panics when it is asked anything, with what panics when it is printed.
type torn struct{}

func (torn) Error() string   { panic(torn{}) }
func (torn) Is(error) bool   { panic(torn{}) }
func (torn) As(any) bool     { panic(torn{}) }
func (torn) Unwrap() []error { panic(torn{}) }

// Who watches a call neither loses what it has begun nor changes how the call ends.
func TestAnErrorThatPanicsWhenItIsAskedIsReturned(t *testing.T) {
	for _, test := range []struct {
		err               error
		errorType, ending string
	}{
		{(*coded)(nil), "*otelmediator_test.coded", "failed"},
		{&coded{"unpaid"}, "unpaid", "failed"},
		{torn{}, "otelmediator_test.torn", "failed"},
		{&mediator.Error{Op: "charge", Err: &wrapping{torn{}}}, "*otelmediator_test.wrapping", "failed"},
		{(*wrapping)(nil), "*otelmediator_test.wrapping", "failed"},
		{errors.Join((*coded)(nil), behaviors.ErrLimited), "rate_limited", "rejected"},
		{(*mediator.PanicError)(nil), "panic", "panicked"},
		{(*mediator.Error)(nil), "*mediator.Error", "failed"},
		{(*behaviors.RetryError)(nil), "*behaviors.RetryError", "failed"},
		{(*behaviors.OpenError)(nil), "circuit_open", "rejected"},
	} {
		r := newRig()
		m := newMediator(t, mediator.Use(r.behavior()),
			mediator.Handle(func(context.Context, charge) (int, error) { return 0, test.err }, mediator.Named("charge")),
			mediator.Subscribe(func(context.Context, paid) error { return test.err }, mediator.Named("paid"), mediator.Group("mail")),
			mediator.HandleStream(every(0, test.err), mediator.Named("ticks")))
		_, err := mediator.Send(t.Context(), m, charge{})
		require.Equal(t, test.err, err)
		require.Error(t, mediator.Publish(t.Context(), m, paid{}))
		for range mediator.Stream(t.Context(), m, ticks{}) {
		}
		for _, name := range []string{"send charge", "process paid", "publish paid", "stream ticks"} {
			s := r.span(t, name)
			require.Subset(t, attrs(s.Attributes), map[string]any{"fsmediator.ending": test.ending, "error.type": test.errorType}, name)
			require.Equal(t, codes.Error, s.Status.Code)
			require.True(t, hasEvent(s, "exception"))
		}
		for name, n := range sums(t, r.metrics(t)["fsmediator.calls.active"], none) {
			require.Zero(t, n, name)
		}
	}
}

// wrapping panics when a nil pointer to it is asked anything.
type wrapping struct{ inner error }

func (w *wrapping) Error() string { return w.inner.Error() }
func (w *wrapping) Unwrap() error { return w.inner }

func TestTheTypeOfAnErrorThatWrapsItself(t *testing.T) {
	turning := &wrapping{}
	turning.inner = turning
	require.Equal(t, "*otelmediator_test.wrapping", otelmediator.ErrorType(turning))
	joined := joins{nil}
	joined[0] = joined
	require.Equal(t, "otelmediator_test.joins", otelmediator.ErrorType(joined))
}

type joins []error

func (joins) Error() string     { return "joins" }
func (j joins) Unwrap() []error { return j }

// source reads what it is given, and then ends so, if that is set.
type source struct {
	readings []behaviors.Reading
	ends     func()
}

func (s *source) Readings() iter.Seq[behaviors.Reading] {
	return func(yield func(behaviors.Reading) bool) {
		for _, one := range s.readings {
			if !yield(one) {
				return
			}
		}
		if s.ends != nil {
			s.ends()
		}
	}
}

// All guards see the same memory.
func TestMemoryOfSeveralGuardsIsNotAddedUp(t *testing.T) {
	r, recorder := newRig(), behaviors.NewRecorder()
	stop, err := otelmediator.Observe(recorder, otelmediator.MeterProvider(r.meters))
	require.NoError(t, err)
	defer func() { require.NoError(t, stop()) }()
	for _, used := range []float64{5, 7, 6} {
		recorder.Watch(&source{readings: []behaviors.Reading{{Behavior: "memoryguard", Name: "used", Value: used, Gauge: true}}})
	}
	state := r.metrics(t)["fsmediator.behavior.state"].Data.(metricdata.Gauge[float64]).DataPoints
	require.Len(t, state, 1)
	require.InDelta(t, 7, state[0].Value, 0)
}

// A reader that collects each minute does so in a goroutine of its own: a panic there
// would end the program, and a Goexit the metrics.
func TestASourceThatPanicsOrExitsCostsItsOwnFiguresAlone(t *testing.T) {
	r, recorder := newRig(), behaviors.NewRecorder()
	stop, err := otelmediator.Observe(recorder, otelmediator.MeterProvider(r.meters))
	require.NoError(t, err)
	defer func() { require.NoError(t, stop()) }()
	var told []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err) }))
	defer otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Print(err) })) // as it is by default
	odd := &source{ends: func() { panic(errDeclined) }}
	recorder.Watch(odd)
	recorder.Watch(&source{readings: []behaviors.Reading{{Behavior: "retry", Name: "retries", Value: 3}}})
	for i, want := range []error{errDeclined, mediator.ErrGoexit} {
		events := r.metrics(t)["fsmediator.behavior.events"].Data.(metricdata.Sum[float64]).DataPoints
		require.Len(t, told, i+1)
		require.ErrorIs(t, told[i], want)
		figures := map[string]float64{}
		for _, p := range events {
			name, _ := p.Attributes.Value("fsmediator.reading")
			figures[name.AsString()] = p.Value
		}
		require.Equal(t, map[string]float64{"retries": 3, "faults": float64(i + 1)}, figures)
		odd.ends = runtime.Goexit
	}
}

func TestARetryOfAnErrorThatPanicsIsAnEvent(t *testing.T) {
	r := newRig()
	m := newMediator(t, mediator.Use(r.behavior()), mediator.Handle(func(ctx context.Context, _ charge) (int, error) {
		otelmediator.OnRetry(ctx, behaviors.RetryEvent{Attempt: 2, Err: (*coded)(nil)})
		return 0, nil
	}, mediator.Named("charge")))
	_, err := mediator.Send(t.Context(), m, charge{})
	require.NoError(t, err)
	require.Equal(t, "*otelmediator_test.coded", event(t, r.span(t, "send charge"), "fsmediator.retry")["error.type"])
}

// Where the consumer has left, nobody sees the error.
func TestAStreamThatIsStoppedWithAnErrorThatPanicsWhenItIsAsked(t *testing.T) {
	r := newRig()
	fails := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return errors.Join(next(ctx, c), (*wrapping)(nil))
	})
	m := newMediator(t, mediator.Use(r.behavior(), fails), mediator.HandleStream(every(0, nil), mediator.Named("ticks")))
	for range mediator.Stream(t.Context(), m, ticks{N: 3}) {
		break
	}
	require.Equal(t, "failed", attrs(r.span(t, "stream ticks").Attributes)["fsmediator.ending"])
	for _, n := range sums(t, r.metrics(t)["fsmediator.calls.active"], none) {
		require.Zero(t, n)
	}
}
