package health_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// job is a request whose handler does what Do says.
type job struct {
	mediator.Command
	Do func(ctx context.Context) error
}

func doing(ctx context.Context, j job) error { return j.Do(ctx) }

func jobs(bs ...mediator.Behavior) mediator.Option {
	return mediator.HandleCommand(doing, mediator.Named("job"), mediator.Use(bs...))
}

func succeed(context.Context) error { return nil }

func TestRequestsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, jobs(h))
		broken := errors.New("broken")
		for range 7 {
			require.NoError(t, mediator.Exec(t.Context(), m, job{Do: succeed}))
		}
		require.ErrorIs(t, mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { return broken }}), broken)
		require.PanicsWithValue(t, "broken", func() {
			_ = mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { panic("broken") }})
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { runtime.Goexit(); return nil }})
		})
		wg.Wait()
		canceled, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, mediator.Exec(canceled, m, job{Do: func(ctx context.Context) error { cancel(); return ctx.Err() }}), context.Canceled)

		totals := h.Snapshot().Totals
		require.Len(t, totals, 1)
		require.Equal(t, "job", totals[0].Name)
		require.Equal(t, mediator.KindRequest, totals[0].Kind)
		require.Equal(t, []uint64{11, 0, 3, 1}, []uint64{totals[0].Started, totals[0].InFlight, totals[0].Failed, totals[0].Canceled})
		require.InDelta(t, .3, totals[0].ErrorRate, 1e-9)
	})
}

func TestARequestThatTakesTooLongIsStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports []health.Report
		var mu sync.Mutex
		h := newMonitor(health.Config{Interval: time.Second, Stall: 3 * time.Second, Reporters: []health.Reporter{health.ReporterFunc(func(r health.Report) {
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, r)
		})}})
		m := newMediator(t, jobs(h))
		release := make(chan struct{})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				_ = mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { <-release; return nil }})
			})
		}
		time.Sleep(2900 * time.Millisecond)
		r := h.Snapshot()
		require.EqualValues(t, 100, r.Totals[0].InFlight)
		require.Zero(t, r.Totals[0].Stalled)
		require.Equal(t, health.Healthy, r.Status)
		time.Sleep(300 * time.Millisecond)
		r = h.Snapshot()
		require.EqualValues(t, 100, r.Totals[0].Stalled)
		require.Equal(t, []health.Reason{health.Stalled}, reasons(r.Totals[0].Findings))
		require.Equal(t, health.Warning, r.Status)
		time.Sleep(time.Second)
		mu.Lock()
		require.EqualValues(t, 100, reports[len(reports)-1].Totals[0].Stalled, "although nothing came or went")
		mu.Unlock()
		close(release)
		wg.Wait()
		require.Zero(t, h.Snapshot().Totals[0].Stalled)
		time.Sleep(2 * time.Second)
		require.Equal(t, health.Healthy, h.Snapshot().Status)
	})
}

func TestRequestsWithManyErrorsAreUnhealthy(t *testing.T) {
	for limit, want := range map[float64]health.Status{0: health.Unhealthy, .6: health.Healthy, -1: health.Healthy} {
		synctest.Test(t, func(t *testing.T) {
			h := newMonitor(health.Config{MaxErrorRate: limit})
			m := newMediator(t, jobs(h))
			for i := range 300 { // over 3s
				_ = mediator.Exec(t.Context(), m, job{Do: func(context.Context) error {
					if i%2 == 0 {
						return errors.New("broken")
					}
					return nil
				}})
				time.Sleep(10 * time.Millisecond)
			}
			r := h.Snapshot()
			require.Equal(t, want, r.Totals[0].Status)
			require.Equal(t, want, r.Status)
			require.InDelta(t, 50, r.Totals[0].Rate, 2)
		})
	}
}

func TestFewCallsMakeNoErrorRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: 20 * time.Second})
		m := newMediator(t, jobs(h))
		fail := job{Do: func(context.Context) error { return errors.New("broken") }}
		for range 9 {
			_ = mediator.Exec(t.Context(), m, fail)
			time.Sleep(time.Second)
		}
		require.Equal(t, health.Healthy, h.Snapshot().Totals[0].Status)
		_ = mediator.Exec(t.Context(), m, fail)
		time.Sleep(2 * time.Second)
		require.Equal(t, health.Unhealthy, h.Snapshot().Totals[0].Status)
	})
}

type told struct{}

func TestEachSubscriberHasItsFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, mediator.Use(h),
			mediator.Subscribe(func(context.Context, told) error { return nil }, mediator.Group("good")),
			mediator.Subscribe(func(context.Context, told) error { return errors.New("broken") }, mediator.Group("bad")),
			mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("all")))
		for range 3 {
			require.Error(t, mediator.Publish(t.Context(), m, told{}))
		}
		require.NoError(t, mediator.Publish(t.Context(), m, "a word"))
		got := map[string][2]uint64{}
		for _, totals := range h.Snapshot().Totals {
			got[totals.Name+" "+totals.Handler] = [2]uint64{totals.Started, totals.Failed}
		}
		require.Equal(t, map[string][2]uint64{
			"health_test.told good": {3, 0}, "health_test.told bad": {3, 3}, "health_test.told all": {3, 0}, "string all": {1, 0},
		}, got)
	})
}

func TestNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{MaxNames: 1})
		m := newMediator(t, jobs(h), feeds(h), mediator.Use(), mediator.Subscribe(func(context.Context, told) error { return nil }, mediator.Use(h)))
		require.NoError(t, mediator.Exec(t.Context(), m, job{Do: succeed}))
		for range mediator.Stream(t.Context(), m, feed{Run: every(0, 5)}) {
		}
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		totals := h.Snapshot().Totals
		require.Len(t, totals, 2)
		require.Equal(t, health.OtherName, totals[1].Name)
		require.Equal(t, []uint64{2, 5}, []uint64{totals[1].Started, totals[1].Items})
	})
}

func TestFiguresFitTogetherWhileCallsRun(t *testing.T) {
	h := newMonitor(health.Config{Interval: 10 * time.Millisecond})
	m := newMediator(t, jobs(h), feeds(h))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				_ = mediator.Exec(t.Context(), m, job{Do: succeed})
				for range mediator.Stream(t.Context(), m, feed{Run: every(0, 300)}) {
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var items uint64
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, totals := range h.Snapshot().Totals {
			require.LessOrEqual(t, totals.InFlight, uint64(4))
			require.LessOrEqual(t, totals.InFlight, totals.Started)
			if totals.Kind == mediator.KindStream {
				require.GreaterOrEqual(t, totals.Items, items, "it never falls")
				items = totals.Items
			}
		}
	}
	require.EqualValues(t, 4*100*300, items)
}
