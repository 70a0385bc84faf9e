package prommediator_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/prommediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

func TestCallsAreScraped(t *testing.T) {
	recorder := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(recorder),
		mediator.Handle(handle, mediator.Named("billing.charge")),
		mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Named("billing.paid"), mediator.Group("mail")),
		mediator.HandleStream(tick, mediator.Named("ticks")))
	registry := registered(t, prommediator.NewCollector(recorder))
	send(t, m, 1, 2, -3)
	require.NoError(t, mediator.Publish(context.Background(), m, paid{}))
	for range mediator.Stream(context.Background(), m, ticks{N: 5}) {
	}

	for _, format := range []expfmt.FormatType{expfmt.TypeTextPlain, expfmt.TypeProtoDelim} {
		got := scrape(t, registry, format)
		labels := model.LabelSet{"message": "billing.charge", "kind": "request", "handler": ""}
		if format == expfmt.TypeTextPlain {
			labels = model.LabelSet{"message": "billing.charge", "kind": "request"}
		}
		require.Equal(t, 3, value(t, got["fsmediator_calls_started_total"], labels))
		require.Zero(t, one(t, got["fsmediator_calls_in_flight"], labels).GetGauge().GetValue())
		duration := got["fsmediator_call_duration_seconds"]
		succeeded := one(t, duration, labels.Merge(model.LabelSet{"ending": "succeeded"})).GetHistogram()
		require.EqualValues(t, 2, succeeded.GetSampleCount())
		require.Positive(t, succeeded.GetSampleSum())
		require.EqualValues(t, 1, one(t, duration, labels.Merge(model.LabelSet{"ending": "failed"})).GetHistogram().GetSampleCount())
		one(t, got["fsmediator_calls_started_total"], model.LabelSet{"message": "billing.paid", "kind": "notification", "handler": "mail"})
		require.Equal(t, 5, value(t, got["fsmediator_stream_items_total"], model.LabelSet{"message": "ticks", "kind": "stream"}))
		require.Len(t, got["fsmediator_stream_items_total"].GetMetric(), 1, "only a stream has items")
	}
}

func TestEndingsAreThereBeforeTheyHappen(t *testing.T) {
	recorder := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(recorder), mediator.Handle(handle))
	send(t, m, 1)
	got := scrape(t, registered(t, prommediator.NewCollector(recorder)), expfmt.TypeProtoDelim)
	require.Zero(t, one(t, got["fsmediator_call_duration_seconds"], model.LabelSet{"ending": "failed"}).GetHistogram().GetSampleCount())
	require.Len(t, got["fsmediator_call_duration_seconds"].GetMetric(), 2)
}

func TestAnAnswerOfTheBusinessHasAnEndingOfItsOwn(t *testing.T) {
	recorder := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(recorder), mediator.Handle(func(context.Context, charge) (int, error) {
		return 0, behaviors.Business(errDeclined)
	}))
	_, err := mediator.Send(context.Background(), m, charge{})
	require.ErrorIs(t, err, errDeclined)
	got := scrape(t, registered(t, prommediator.NewCollector(recorder)), expfmt.TypeProtoDelim)
	for ending, n := range map[model.LabelValue]uint64{"declined": 1, "failed": 0} {
		h := one(t, got["fsmediator_call_duration_seconds"], model.LabelSet{"ending": ending}).GetHistogram()
		require.Equal(t, n, h.GetSampleCount(), ending)
	}
}

// sleepy takes as many nanoseconds as it is asked for.
func sleepy(t testing.TB, opts ...prommediator.Option) (*mediator.Mediator, *prometheus.Registry) {
	recorder := behaviors.NewRecorder()
	m, err := mediator.New(mediator.Use(recorder), mediator.Handle(func(_ context.Context, c charge) (int, error) {
		time.Sleep(time.Duration(c.Cents))
		return 0, nil
	}))
	require.NoError(t, err)
	return m, registered(t, prommediator.NewCollector(recorder, opts...))
}

func TestHistogramIsClassicAndNative(t *testing.T) {
	took := []time.Duration{0, 20 * time.Microsecond, 30 * time.Millisecond, 31 * time.Millisecond, 3 * time.Second, 2 * time.Minute}
	var registry *prometheus.Registry
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		m, registry = sleepy(t)
		for _, d := range took {
			send(t, m, int(d))
		}
	})
	h := one(t, scrape(t, registry, expfmt.TypeProtoDelim)["fsmediator_call_duration_seconds"], model.LabelSet{"ending": "succeeded"}).GetHistogram()
	require.EqualValues(t, len(took), h.GetSampleCount())
	require.InEpsilon(t, 123.061, h.GetSampleSum(), 1.0/32)
	require.NotZero(t, h.GetCreatedTimestamp().GetSeconds())

	classic := map[float64]uint64{}
	for _, b := range h.GetBucket() {
		classic[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	want := map[float64]uint64{1e-5: 1, 5e-5: 2, 1e-4: 2, 5e-4: 2, 1e-3: 2, 5e-3: 2, 1e-2: 2, 5e-2: 4, 1e-1: 4, 5e-1: 4, 1: 4, 5: 5, 10: 5, 60: 5}
	require.Equal(t, want, classic)

	require.EqualValues(t, 3, h.GetSchema())
	require.EqualValues(t, 1, h.GetZeroCount())
	require.Len(t, prommediator.DefaultBuckets(), len(want))
	native, index, count := map[int]int64{}, 0, int64(0)
	deltas := h.GetPositiveDelta()
	for _, span := range h.GetPositiveSpan() {
		index += int(span.GetOffset())
		for range span.GetLength() {
			count, deltas = count+deltas[0], deltas[1:]
			if count > 0 {
				native[index] += count
			}
			index++
		}
	}
	bucket := func(d time.Duration) int { return int(math.Ceil(math.Log2(d.Seconds()) * 8)) }
	require.Equal(t, map[int]int64{bucket(took[1]): 1, bucket(took[2]): 2, bucket(took[4]): 1, bucket(took[5]): 1}, native)
}

func TestHistogramIsClassicOrNativeIfSaidSo(t *testing.T) {
	m, registry := sleepy(t, prommediator.ClassicOnly(), prommediator.Buckets(1, 2))
	send(t, m, 1)
	h := one(t, scrape(t, registry, expfmt.TypeProtoDelim)["fsmediator_call_duration_seconds"], model.LabelSet{"ending": "succeeded"}).GetHistogram()
	require.Len(t, h.GetBucket(), 2)
	require.Nil(t, h.Schema)

	m, registry = sleepy(t, prommediator.Buckets())
	send(t, m, 1)
	h = one(t, scrape(t, registry, expfmt.TypeProtoDelim)["fsmediator_call_duration_seconds"], model.LabelSet{"ending": "succeeded"}).GetHistogram()
	require.Empty(t, h.GetBucket())
	require.EqualValues(t, 3, h.GetSchema())
}

func TestNamesKeepPrometheusRules(t *testing.T) {
	_, collector := everything(t)
	problems, err := testutil.CollectAndLint(collector)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestTwoRecordersWithLabels(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	var collectors []prometheus.Collector
	for _, shop := range []string{"north", "south"} {
		recorder := behaviors.NewRecorder()
		recorder.Watch(behaviors.CircuitBreaker(behaviors.BreakerConfig{}))
		send(t, newMediator(t, mediator.Use(recorder), mediator.Handle(handle)), 1)
		c := prommediator.NewCollector(recorder, prommediator.ConstLabels(prometheus.Labels{"shop": shop}))
		require.NoError(t, registry.Register(c))
		require.ErrorAs(t, registry.Register(c), &prometheus.AlreadyRegisteredError{})
		collectors = append(collectors, c)
	}
	got := scrape(t, registry, expfmt.TypeTextPlain)
	for _, shop := range []model.LabelValue{"north", "south"} {
		one(t, got["fsmediator_calls_started_total"], model.LabelSet{"shop": shop})
	}
	require.True(t, registry.Unregister(collectors[0]))
	got = scrape(t, registry, expfmt.TypeTextPlain)
	require.Len(t, got["fsmediator_calls_started_total"].GetMetric(), 1)
	require.True(t, registry.Unregister(collectors[1]))
	require.Empty(t, scrape(t, registry, expfmt.TypeTextPlain))
}

func TestTwoWithTheSameLabelsAreRefused(t *testing.T) {
	registry := registered(t, prommediator.NewCollector(behaviors.NewRecorder()))
	require.Error(t, registry.Register(prommediator.NewCollector(behaviors.NewRecorder())))
}

func TestScrapesWhileCallsRun(t *testing.T) {
	recorder := behaviors.NewRecorder()
	exemplars := prommediator.NewExemplars(func(context.Context) map[string]string { return map[string]string{"trace_id": "1"} })
	m := newMediator(t, mediator.Use(exemplars, recorder, behaviors.CircuitBreaker(behaviors.BreakerConfig{})),
		mediator.Handle(handle), mediator.HandleStream(tick))
	registry := registered(t, prommediator.NewCollector(recorder, prommediator.ShowExemplars(exemplars)))
	const callers, calls = 4, 200
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for n := range calls {
				_, _ = mediator.Send(context.Background(), m, charge{Cents: n%2 - 1})
				for range mediator.Stream(context.Background(), m, ticks{N: 2}) {
				}
			}
		})
	}
	last := 0.0
	for range 20 {
		families, err := registry.Gather()
		require.NoError(t, err)
		sum := 0.0
		for _, f := range families {
			if f.GetName() == "fsmediator_calls_started_total" {
				for _, c := range f.GetMetric() {
					sum += c.GetCounter().GetValue()
				}
			}
		}
		require.GreaterOrEqual(t, sum, last)
		last = sum
	}
	wg.Wait()
	got := scrape(t, registry, expfmt.TypeProtoDelim)
	require.Equal(t, callers*calls, value(t, got["fsmediator_calls_started_total"], model.LabelSet{"kind": "request"}))
	require.Equal(t, 2*callers*calls, value(t, got["fsmediator_stream_items_total"], model.LabelSet{"kind": "stream"}))
}

func TestSeriesAreBounded(t *testing.T) {
	recorder := behaviors.NewRecorder(behaviors.RecorderConfig{MaxNames: 3})
	var many source
	for i := range 100 {
		many = append(many, behaviors.Reading{Behavior: "cache", Scope: fmt.Sprint(i), Name: "hits", Value: 1})
	}
	recorder.Watch(&many)
	for i := range 10 {
		send(t, newMediator(t, mediator.Use(recorder), mediator.Handle(handle, mediator.Named(fmt.Sprint("charge.", i)))), 1)
	}
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(prommediator.NewCollector(recorder, prommediator.MaxReadings(7))))
	got := scrape(t, registry, expfmt.TypeTextPlain)
	require.Len(t, got["fsmediator_calls_started_total"].GetMetric(), 4)
	require.Equal(t, 7, value(t, got["fsmediator_calls_started_total"], model.LabelSet{"message": "other"}))
	require.Len(t, got["fsmediator_cache_hits_total"].GetMetric(), 7)
	require.Equal(t, 93, value(t, got["fsmediator_readings_left_out"], nil))
}

func TestNamesThatAreNoTextAreMadeText(t *testing.T) {
	recorder := behaviors.NewRecorder()
	for _, name := range []string{"charge\xff", "charge\xfe"} {
		send(t, newMediator(t, mediator.Use(recorder), mediator.Handle(handle, mediator.Named(name))), 1)
	}
	got := scrape(t, registered(t, prommediator.NewCollector(recorder)), expfmt.TypeTextPlain)
	require.Equal(t, 2, value(t, got["fsmediator_calls_started_total"], model.LabelSet{"message": "charge\uFFFD"}))
}

// fickle is a source that does not return.
type fickle struct{ ends func() }

func (f *fickle) Readings() iter.Seq[behaviors.Reading] {
	f.ends()
	return nil
}

// A registry collects in a goroutine of its own: a panic there would end the program,
// and it would wait for ever for a goroutine that has gone.
func TestASourceThatPanicsOrExitsCostsItsOwnReadingsAlone(t *testing.T) {
	for _, ends := range []func(){func() { panic(errDeclined) }, runtime.Goexit} {
		recorder := behaviors.NewRecorder()
		send(t, newMediator(t, mediator.Use(recorder, behaviors.CircuitBreaker(behaviors.BreakerConfig{})), mediator.Handle(handle, mediator.Named("charge"))), 1)
		recorder.Watch(&fickle{ends})
		registry := registered(t, prommediator.NewCollector(recorder))
		for times := 1; times <= 2; times++ {
			got := scrape(t, registry, expfmt.TypeTextPlain)
			require.Equal(t, 1, value(t, got["fsmediator_calls_started_total"], model.LabelSet{"message": "charge"}))
			require.Zero(t, value(t, got["fsmediator_circuitbreaker_changes_total"], model.LabelSet{"scope": "charge"}))
			require.Equal(t, times, value(t, got["fsmediator_recorder_faults_total"], model.LabelSet{"scope": "*prommediator_test.fickle"}))
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	r := behaviors.NewRecorder()
	for want, f := range map[string]func(){
		"prommediator: NewCollector: the Recorder is nil":     func() { prommediator.NewCollector(nil) },
		"prommediator: NewCollector: option 1 of 1 is nil":    func() { prommediator.NewCollector(r, nil) },
		"prommediator: NewExemplars: the function is nil":     func() { prommediator.NewExemplars(nil) },
		"prommediator: ShowExemplars: the Exemplars are nil":  func() { prommediator.ShowExemplars(nil) },
		"prommediator: MaxReadings(0): it has to be positive": func() { prommediator.MaxReadings(0) },
		`prommediator: ConstLabels: "scope" is a label of the metrics already`: func() {
			prommediator.ConstLabels(prometheus.Labels{"scope": "x"})
		},
		`prommediator: ConstLabels: "le" is a label of the metrics already`: func() {
			prommediator.ConstLabels(prometheus.Labels{"le": "x"})
		},
		"prommediator: Buckets([1 1]): the bounds have to be positive and ascending":    func() { prommediator.Buckets(1, 1) },
		"prommediator: Buckets([0]): the bounds have to be positive and ascending":      func() { prommediator.Buckets(0) },
		"prommediator: Buckets([NaN]): the bounds have to be positive and ascending":    func() { prommediator.Buckets(math.NaN()) },
		"prommediator: Buckets([1 +Inf]): the bounds have to be positive and ascending": func() { prommediator.Buckets(1, math.Inf(1)) },
		"prommediator: NewCollector: ClassicOnly without Buckets leaves nothing of the durations": func() {
			prommediator.NewCollector(r, prommediator.ClassicOnly(), prommediator.Buckets())
		},
	} {
		require.PanicsWithValue(t, want, f)
	}
}
