package prommediator_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/prommediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/health"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// everything returns a collector that shows every metric, and what it shows.
func everything(t testing.TB) (*behaviors.Breaker, prometheus.Collector) {
	t.Helper()
	recorder, breaker := behaviors.NewRecorder(), behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	guard := behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 1 << 40})
	var full atomic.Bool
	letters := &store{Store: deadletter.NewMemory(), full: &full}
	m := newMediator(t,
		mediator.Use(recorder, health.New(health.Config{}), deadletter.Behavior(letters), behaviors.RateLimit(rate.NewLimiter(rate.Inf, 1)), behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 5}), guard,
			behaviors.Retry(behaviors.RetryConfig{Retries: 1, Delay: time.Nanosecond, RetryIf: behaviors.ErrorIs(errDeclined)}), breaker),
		mediator.Handle(handle, mediator.Named("billing.charge")), mediator.HandleStream(tick, mediator.Named("billing.ticks"), mediator.Use(backpressure.New(backpressure.NoDataLoss()))),
		mediator.Subscribe(func(context.Context, paid) error { return errDeclined }, mediator.Named("billing.paid"), mediator.Group("mail")))
	send(t, m, 1, -1)
	for range mediator.Stream(context.Background(), m, ticks{N: 1}) {
	}
	require.ErrorIs(t, mediator.Publish(context.Background(), m, paid{}), errDeclined)
	full.Store(true)
	require.ErrorIs(t, mediator.Publish(context.Background(), m, paid{}), errFull)
	return breaker, prommediator.NewCollector(recorder)
}

// store takes no letter while it is full.
type store struct {
	deadletter.Store
	full *atomic.Bool
}

func (s *store) Put(ctx context.Context, l deadletter.Letter) error {
	if s.full.Load() {
		return errFull
	}
	return s.Store.Put(ctx, l)
}

var errFull = errors.New("full")

func TestReadingsAreMetrics(t *testing.T) {
	breaker, collector := everything(t)
	breaker.Isolate("billing.charge")
	got := scrape(t, registered(t, collector), expfmt.TypeTextPlain)
	charge := model.LabelSet{"scope": "billing.charge"}
	require.Equal(t, 1, value(t, got["fsmediator_retry_retries_total"], charge))
	require.Equal(t, int(behaviors.StateIsolated), value(t, got["fsmediator_circuitbreaker_state"], charge))
	require.Equal(t, 1, value(t, got["fsmediator_circuitbreaker_changes_total"], charge))
	ticking := model.LabelSet{"scope": "billing.ticks"}
	require.Equal(t, 1, value(t, got["fsmediator_backpressure_items_total"], ticking))
	require.Equal(t, 1, value(t, got["fsmediator_backpressure_deliveries_total"], ticking))
	require.Equal(t, 0, value(t, got["fsmediator_backpressure_depth"], ticking))
	require.Equal(t, 1, value(t, got["fsmediator_deadletters_letters_total"], charge))
	mail := model.LabelSet{"scope": "billing.paid to mail"}
	require.Equal(t, 1, value(t, got["fsmediator_deadletters_letters_total"], mail))
	require.Equal(t, 1, value(t, got["fsmediator_deadletters_losses_total"], mail))
	require.Less(t, value(t, got["fsmediator_health_status"], nil), int(health.Failed))
	require.Equal(t, 0, value(t, got["fsmediator_health_streams"], model.LabelSet{"scope": "healthy"}))
	for _, f := range got {
		require.NotContains(t, f.GetHelp(), "reads of itself", "a reading that has no help of its own")
	}
	for _, name := range []string{"backpressure_drops_total", "backpressure_samplings_total", "backpressure_abandonments_total", "circuitbreaker_rejections_total", "bulkhead_running", "bulkhead_waiting", "bulkhead_rejections_total",
		"ratelimit_rejections_total", "memoryguard_used_bytes", "memoryguard_rejections_total"} {
		require.Contains(t, got, "fsmediator_"+name)
	}
}

func TestReadingsOfSeveralAreOne(t *testing.T) {
	recorder := behaviors.NewRecorder()
	for _, n := range []float64{1, 2} {
		recorder.Watch(&source{
			{Behavior: "circuitbreaker", Scope: "a", Name: "state", Value: n, State: "open", Gauge: true},
			{Behavior: "bulkhead", Name: "running", Value: n, Gauge: true},
			{Behavior: "bulkhead", Name: "rejections", Value: n},
			{Behavior: "memoryguard", Name: "used", Value: n, Gauge: true},
			{Behavior: "health", Name: "status", Value: n, State: "unhealthy", Gauge: true},
			{Behavior: "health", Scope: "healthy", Name: "streams", Value: n, Gauge: true},
		})
	}
	got := scrape(t, registered(t, prommediator.NewCollector(recorder)), expfmt.TypeTextPlain)
	require.Equal(t, 2, value(t, got["fsmediator_circuitbreaker_state"], nil))
	require.Equal(t, 3, value(t, got["fsmediator_bulkhead_running"], nil))
	require.Equal(t, 3, value(t, got["fsmediator_bulkhead_rejections_total"], nil))
	require.Equal(t, 2, value(t, got["fsmediator_memoryguard_used_bytes"], nil))
	require.Equal(t, 2, value(t, got["fsmediator_health_status"], nil))
	require.Equal(t, 3, value(t, got["fsmediator_health_streams"], nil))
}

// What a source calls its readings makes no scrape fail and no name invalid.
func TestAnyReadingCanBeScraped(t *testing.T) {
	recorder := behaviors.NewRecorder()
	odd := source{
		{Behavior: "calls", Name: "in_flight", Gauge: true},
		{Behavior: "calls", Name: "started"},
		{Behavior: "call", Name: "duration_seconds", Gauge: true},
		{Behavior: "My Cache!", Name: "Hit Ratio", Value: 0.5, Gauge: true},
		{Behavior: "cache", Name: "hits_total", Value: 1},
		{Behavior: "cache", Name: "hits", Value: 2},
		{Behavior: "cache", Name: "hits_total", Value: 3, Gauge: true},
		{Behavior: "queue", Name: "depth_count", Scope: "\xff", Gauge: true},
		{Behavior: "queue", Name: "depth_sum", Gauge: true},
		{Behavior: "queue", Name: "depth_bucket", Gauge: true},
		{Behavior: "0", Name: "1", Gauge: true},
		{Behavior: "größe", Name: "→", Gauge: true},
		{Gauge: true},
		{},
	}
	recorder.Watch(&odd)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(prommediator.NewCollector(recorder)))
	got := scrape(t, registry, expfmt.TypeTextPlain)
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, 3, value(t, got["fsmediator_cache_hits_total"], nil))
	require.Equal(t, 3, value(t, got["fsmediator_cache_hits_current"], nil))
	require.InDelta(t, 0.5, one(t, got["fsmediator_my_cache_hit_ratio"], nil).GetGauge().GetValue(), 0)
	for _, name := range []string{"reading_calls_in_flight", "reading_calls_started_total", "reading_call_duration_seconds", "queue_depth", "0_1", "gr_e", "reading_current", "reading_total"} {
		require.Contains(t, got, "fsmediator_"+name)
	}
}

// openFamilies returns the families of g and their types, as OpenMetrics declares them:
// each once.
func openFamilies(t testing.TB, g prometheus.Gatherer) map[string]string {
	t.Helper()
	body, _ := get(t, g, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	require.True(t, strings.HasSuffix(string(body), "# EOF\n"), "it is not OpenMetrics")
	families := map[string]string{}
	for _, declared := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(string(body), -1) {
		require.NotContains(t, families, declared[1])
		families[declared[1]] = declared[2]
	}
	return families
}

func TestEveryFamilyOfOpenMetricsIsOne(t *testing.T) {
	readings := source{
		{Behavior: "pool", Name: "conns", Value: 3, Gauge: true},
		{Behavior: "pool", Name: "conns", Scope: "north", Value: 70},
		{Behavior: "pool", Name: "waits", Value: 4, Gauge: true},
		{Behavior: "pool", Name: "waits", Value: 5},
		{Behavior: "pool", Name: "waits_current", Value: 6, Gauge: true},
		{Behavior: "pool", Name: "waits_current", Value: 7},
		{Behavior: "pool", Name: "idle", Value: 8, Gauge: true},
		{Behavior: "calls", Name: "started", Value: 9, Gauge: true},
		{Behavior: "calls", Name: "in_flight", Value: 10},
		{Behavior: "call", Name: "duration_seconds", Value: 11},
		{Behavior: "retry", Name: "retries", Value: 12},
		{Behavior: "retry", Name: "retries", Value: 13, Gauge: true},
		{Behavior: "circuitbreaker", Name: "state", Value: 2, Gauge: true},
		{Behavior: "circuitbreaker", Name: "state", Value: 14},
	}
	for range 2 {
		recorder := behaviors.NewRecorder()
		send(t, newMediator(t, mediator.Use(recorder), mediator.Handle(handle)), 1)
		recorder.Watch(&readings)
		registry := prometheus.NewRegistry()
		require.NoError(t, registry.Register(prommediator.NewCollector(recorder)))
		families := openFamilies(t, registry)
		require.Equal(t, "histogram", families["fsmediator_call_duration_seconds"])
		require.Equal(t, "gauge", families["fsmediator_circuitbreaker_state"], "a Source of one's own renames nothing of ours")
		got := scrape(t, registry, expfmt.TypeTextPlain)
		for name, want := range map[string]int{
			"pool_conns_total": 70, "pool_conns_current": 3, "pool_idle": 8,
			"pool_waits_total": 5, "pool_waits_current_total": 7, "pool_waits_current_current": 4, "pool_waits_current_current_current": 6,
			"reading_calls_started": 9, "reading_calls_in_flight_total": 10, "reading_call_duration_seconds_total": 11,
			"retry_retries_total": 12, "reading_retry_retries": 13, "circuitbreaker_state": 2, "reading_circuitbreaker_state_total": 14,
		} {
			require.Contains(t, got, "fsmediator_"+name)
			require.Equal(t, want, value(t, got["fsmediator_"+name], nil), name)
		}
		slices.Reverse(readings)
	}
}

// A series that changed its name back and forth would be two with gaps.
func TestAGaugeIsRenamedOnceAtMost(t *testing.T) {
	gauge := behaviors.Reading{Behavior: "pool", Name: "waits", Value: 4, Gauge: true}
	counter := behaviors.Reading{Behavior: "pool", Name: "waits", Value: 5}
	later := behaviors.Reading{Behavior: "pool", Name: "waits_current", Value: 6, Gauge: true}
	recorder, readings := behaviors.NewRecorder(), &source{gauge}
	recorder.Watch(readings)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(prommediator.NewCollector(recorder)))
	for _, now := range []struct {
		source
		of4 string
	}{
		{source{gauge}, "fsmediator_pool_waits"},
		{source{gauge, counter}, "fsmediator_pool_waits_current"},
		{source{gauge}, "fsmediator_pool_waits_current"},
		{source{later, gauge}, "fsmediator_pool_waits_current"},
	} {
		*readings = now.source
		require.Equal(t, 4, value(t, scrape(t, registry, expfmt.TypeTextPlain)[now.of4], nil), now)
	}

	readings = &source{gauge, counter}
	recorder = behaviors.NewRecorder()
	recorder.Watch(readings)
	registry = prometheus.NewRegistry()
	require.NoError(t, registry.Register(prommediator.NewCollector(recorder, prommediator.MaxReadings(1))))
	got := scrape(t, registry, expfmt.TypeTextPlain)
	require.Equal(t, 4, value(t, got["fsmediator_pool_waits"], nil), "a counter that is left out takes no name")
}

func FuzzReadings(f *testing.F) {
	f.Add("circuitbreaker", "state", "orders.place", 1.0, true)
	f.Add("calls", "in_flight", "", -1.0, true)
	f.Add("pool", "conns", "", 3.0, true)
	f.Add("retry", "retries", "", 3.0, true)
	f.Add("_total", "\xff__count", "\x00", 0.0, false)
	f.Fuzz(func(t *testing.T, behavior, name, scope string, value float64, gauge bool) {
		recorder := behaviors.NewRecorder()
		recorder.Watch(&source{
			{Behavior: behavior, Name: name, Scope: scope, Value: value, Gauge: gauge},
			{Behavior: behavior, Name: name, Scope: scope, Value: value, Gauge: !gauge},
			{Behavior: name, Name: behavior, Scope: scope, Value: value, Gauge: gauge},
		})
		registry := prometheus.NewRegistry()
		require.NoError(t, registry.Register(prommediator.NewCollector(recorder)))
		families, err := registry.Gather()
		require.NoError(t, err)
		inOpenMetrics := map[string]bool{}
		for _, f := range families {
			open := strings.TrimSuffix(f.GetName(), "_total")
			require.False(t, inOpenMetrics[open], open)
			inOpenMetrics[open] = true
		}
	})
}
