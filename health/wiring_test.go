package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

func TestPresets(t *testing.T) {
	for name, c := range map[string]struct {
		got             health.Config
		interval, stall time.Duration
		rate            float64
		growth          int64
		errors          float64
	}{
		"HighPerformance": {health.HighPerformance(), 5 * time.Second, 10 * time.Second, 1000, 50 << 20, .01},
		"DataProcessing":  {health.DataProcessing(), 30 * time.Second, 120 * time.Second, 50, 200 << 20, .05},
		"LongRunning":     {health.LongRunning(), 60 * time.Second, 300 * time.Second, 10, 500 << 20, .1},
		"RealTime":        {health.RealTime(), 2 * time.Second, 5 * time.Second, 100, 25 << 20, .001},
		"Development":     {health.Development(), 10 * time.Second, 30 * time.Second, 1, 100 << 20, .2},
	} {
		require.Equal(t, health.Config{Interval: c.interval, Stall: c.stall, MinRate: c.rate, MaxGrowth: c.growth, MaxErrorRate: c.errors}, c.got, name)
		require.NotNil(t, health.New(c.got))
	}
}

func TestConfigsThatMakeNoSensePanic(t *testing.T) {
	nan := func() float64 { var zero float64; return zero / zero }()
	for want, c := range map[string]health.Config{
		"health: Interval is -1s: it must be at least 10ms":     {Interval: -time.Second},
		"health: Interval is 1ms: it must be at least 10ms":     {Interval: time.Millisecond},
		"health: Window is 1ms: it must be at least 10ms":       {Window: time.Millisecond},
		"health: MinRate is -1: it cannot be negative":          {MinRate: -1},
		"health: MinRate is NaN: it cannot be negative":         {MinRate: nan},
		"health: MaxUnhealthy is 5: it is a share, at most 1":   {MaxUnhealthy: 5},
		"health: MaxUnhealthy is NaN: it is a share, at most 1": {MaxUnhealthy: nan},
		"health: MaxErrorRate is 5: it is a share, at most 1":   {MaxErrorRate: 5},
		"health: MaxErrorRate is NaN: it is a share, at most 1": {MaxErrorRate: nan},
		"health: MaxDropRate is 2: it is a share, at most 1":    {MaxDropRate: 2},
		"health: Degraded is 2: it is a share, at most 1":       {Degraded: 2},
		"health: Recovery is -1: it cannot be negative":         {Recovery: -1},
		"health: Relax is -1: it cannot be negative":            {Relax: -1},
		"health: CheckTTL is -1s: it cannot be negative":        {CheckTTL: -time.Second},
		"health: MaxNames is -1: it cannot be negative":         {MaxNames: -1},
		"health: Reporters[0] is <nil>: leave it out":           {Reporters: []health.Reporter{nil}},
		"health: Policies[1] is <nil>: leave it out":            {Policies: []health.Policy{health.Pacing{}, nil}},
		"health: Sources[0] is <nil>: leave it out":             {Sources: []health.Source{nil}},
		"health: Check without a Name":                          {Checks: []health.Check{{}}},
	} {
		require.PanicsWithValue(t, want, func() { health.New(c) })
	}
}

// Whoever wants no limit writes the longest time there is.
func TestTheLongestTimes(t *testing.T) {
	const forever = time.Duration(math.MaxInt64)
	synctest.Test(t, func(t *testing.T) {
		k := &kept{}
		h := newMonitor(health.Config{Interval: forever, Window: forever, Stall: forever, CheckTTL: forever, MinRate: 1e9, Reporters: []health.Reporter{k},
			Policies: []health.Policy{health.Restart{}}, Checks: []health.Check{{Name: "slow", Timeout: forever, Func: func(context.Context) error {
				time.Sleep(time.Hour)
				return nil
			}}}})
		m := newMediator(t, feeds(h))
		end := consume(t, m, silent(3))
		time.Sleep(24 * time.Hour)
		s := one(t, h.Snapshot())
		require.Equal(t, health.Healthy, s.Status, "%v", s.Findings)
		require.EqualValues(t, 3, s.Items)
		require.Empty(t, k.reports())
		status, _ := get(h.Handler(), "/readyz")
		require.Equal(t, 200, status)
		require.Equal(t, time.Hour, h.Snapshot().Components[0].Took)
		require.NoError(t, end())
	})
}

func TestTheSameMonitorTwiceIsWarnedOf(t *testing.T) {
	h := newMonitor(health.Config{})
	var warnings []string
	m, err := mediator.New(mediator.Use(h), jobs(around{h}), mediator.OnWarning(func(w string) { warnings = append(warnings, w) }))
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "the same Monitor stands around the handler more than once")
	require.NoError(t, m.Close(t.Context()))
}

func TestTheDefaultLoggerIsTheProcesss(t *testing.T) {
	var log journal
	old := slog.Default()
	defer slog.SetDefault(old)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	synctest.Test(t, func(t *testing.T) {
		h := health.New(health.Config{Interval: time.Second, Stall: time.Second, Policies: []health.Policy{health.Restart{}}})
		m := newMediator(t, feeds(h))
		for range mediator.Stream(t.Context(), m, feed{Run: silent(0)}) {
		}
		synctest.Wait()
		require.Equal(t, 1, lines(&log, "stream adjusted"))
		s := h.Snapshot().Ended[0]
		require.Positive(t, s.Memory, "of the process, by default")
		require.GreaterOrEqual(t, s.PeakMemory, s.StartMemory)
	})
}

func TestLooksBeginAnewAfterABubbleThatEnds(t *testing.T) {
	h := newMonitor(health.RealTime())
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Minute)
		m := newMediator(t, feeds(h))
		for range mediator.Stream(t.Context(), m, feed{Run: every(0, 1)}) {
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, feeds(h))
		end := consume(t, m, silent(0))
		time.Sleep(6 * time.Second)
		require.True(t, one(t, h.Snapshot()).Has(health.Stalled))
		require.NoError(t, end())
	})
}

func TestARequestMadeByWhatTheMonitorAsksDoesNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		var h *health.Monitor
		ask := func() {
			_ = mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { h.Snapshot(); return nil }})
		}
		h = newMonitor(health.Config{Interval: time.Second,
			Memory:    func() uint64 { ask(); return 1 },
			Policies:  []health.Policy{health.PolicyFunc(func(health.Stream) []health.Adjustment { ask(); return nil })},
			Reporters: []health.Reporter{health.ReporterFunc(func(health.Report) { ask() })},
		})
		m = newMediator(t, feeds(), jobs(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			return h.Wrap(next)(ctx, c)
		})), mediator.HandleStream(numbers, mediator.Use(h)))
		for range mediator.Stream(t.Context(), m, upTo{N: 5}) {
			time.Sleep(time.Second)
		}
		require.EqualValues(t, 5, h.Snapshot().Ended[0].Items)
	})
}

func TestAReportIsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Stall: time.Second, Checks: []health.Check{{Name: "database", Func: func(context.Context) error { return errors.New("gone") }}}})
		empty, err := json.Marshal(health.New(health.Config{}).Snapshot())
		require.NoError(t, err)
		for _, list := range []string{"streams", "ended", "totals", "components", "adjustments"} {
			require.Contains(t, string(empty), `"`+list+`":[]`)
		}
		m := newMediator(t, feeds(h))
		for range mediator.Stream(t.Context(), m, feed{Run: func(_ context.Context, yield func(int, error) bool) { yield(0, errors.New("broken")) }}) {
		}
		end := consume(t, m, silent(0))
		time.Sleep(1500 * time.Millisecond)
		get(h.Handler(), "/readyz")
		text, err := json.Marshal(h.Snapshot())
		require.NoError(t, err)
		require.Contains(t, string(text), `"name":"feed","status":"unhealthy","findings":["stalled: 1`)
		require.Contains(t, string(text), `"error":"broken"`)
		require.Contains(t, string(text), `"kind":"stream"`)
		require.Contains(t, string(text), `"error":"gone"`)
		require.NoError(t, end())
	})
}

// It stands around each call once.
func TestAMonitorOfAnExceptAndOfTheException(t *testing.T) {
	h := newMonitor(health.Config{})
	newMediator(t, // which fails for a warning
		mediator.Use(behaviors.Except(behaviors.IsNamed("job"), h)...), jobs(h))
}

// itself stands for itself.
type itself struct{ mediator.Behavior }

func (i *itself) Unwrap() mediator.Behavior { return i }

func TestABehaviorThatStandsForItselfIsNotFollowedForEver(t *testing.T) {
	newMediator(t, mediator.Use(newMonitor(health.Config{}), behaviors.NewRecorder(), &itself{noop}), jobs(noop))
}
