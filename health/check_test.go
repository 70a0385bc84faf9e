package health_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

func TestAProbeStormCostsOneCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		h := newMonitor(health.Config{CheckTTL: 5 * time.Second, Checks: []health.Check{{Name: "database", Func: func(context.Context) error {
			made.Add(1)
			time.Sleep(100 * time.Millisecond)
			return nil
		}}}}).Handler()
		storm := func() {
			var wg sync.WaitGroup
			for range 1000 {
				wg.Go(func() {
					status, _ := get(h, "/readyz")
					require.Equal(t, 200, status)
				})
			}
			wg.Wait()
		}
		start := time.Now()
		storm()
		require.EqualValues(t, 1, made.Load())
		require.Equal(t, 100*time.Millisecond, time.Since(start))
		storm()
		time.Sleep(4900 * time.Millisecond)
		storm()
		require.EqualValues(t, 1, made.Load(), "its result holds good")
		require.Equal(t, 5*time.Second, time.Since(start))
		time.Sleep(200 * time.Millisecond)
		storm()
		require.EqualValues(t, 2, made.Load())
	})
}

func TestTheDefaultTTLIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		h := newMonitor(health.Config{Checks: []health.Check{{Name: "database", Func: func(context.Context) error { made++; return nil }}}}).Handler()
		for range 40 {
			get(h, "/healthz")
			time.Sleep(500 * time.Millisecond)
		}
		require.Equal(t, 10, made, "20s, each 2s")
	})
}

func TestChecksRunInParallelEachWithItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heeds := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		h := newMonitor(health.Config{Checks: []health.Check{
			{Name: "quick", Func: func(context.Context) error { time.Sleep(300 * time.Millisecond); return nil }},
			{Name: "short", Func: heeds, Timeout: 100 * time.Millisecond},
			{Name: "long", Func: heeds},
			{Name: "longest", Func: func(context.Context) error { time.Sleep(850*time.Millisecond - 1); return nil }},
		}})
		start := time.Now()
		status, _ := get(h.Handler(), "/readyz")
		require.Equal(t, 503, status)
		require.Less(t, time.Since(start), 850*time.Millisecond)
		components := h.Snapshot().Components
		require.Equal(t, 300*time.Millisecond, components[0].Took)
		require.Equal(t, 100*time.Millisecond, components[1].Took)
		require.ErrorIs(t, components[1].Err, context.DeadlineExceeded)
		require.NotErrorIs(t, components[1].Err, health.ErrCheckRunning)
		require.Equal(t, 800*time.Millisecond, components[2].Took, "the default")
		require.NoError(t, components[3].Err, "late, but an answer")
	})
}

func TestACheckThatIgnoresItsContextIsNotStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int64
		release := make(chan error)
		h := newMonitor(health.Config{Checks: []health.Check{{Name: "hangs", Timeout: time.Second, Func: func(context.Context) error {
			started.Add(1)
			return <-release
		}}}})
		handler := h.Handler()
		start := time.Now()
		status, _ := get(handler, "/readyz")
		require.Equal(t, 503, status)
		require.Equal(t, 1050*time.Millisecond, time.Since(start))
		require.ErrorIs(t, h.Snapshot().Components[0].Err, health.ErrCheckRunning)
		for range 100 {
			time.Sleep(time.Minute)
			start := time.Now()
			status, _ = get(handler, "/readyz")
			require.Equal(t, 503, status)
			require.Zero(t, time.Since(start), "there is nothing to wait for")
		}
		require.EqualValues(t, 1, started.Load())
		release <- nil
		synctest.Wait()
		go func() { release <- nil }()
		status, _ = get(handler, "/readyz")
		require.Equal(t, 200, status)
		require.EqualValues(t, 2, started.Load())
	})
}

func TestAPanickingOrExitingCheckHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		travelled := &mediator.PanicError{Value: "far away", Stack: []byte("there")}
		h := newMonitor(health.Config{Checks: []health.Check{
			{Name: "panics", Func: func(context.Context) error { panic("broken") }},
			{Name: "exits", Func: func(context.Context) error { runtime.Goexit(); return nil }},
			{Name: "passes on", Func: func(context.Context) error { panic(travelled) }},
		}})
		status, _ := get(h.Handler(), "/healthz")
		require.Equal(t, 503, status)
		components := h.Snapshot().Components
		var panicked *mediator.PanicError
		require.ErrorAs(t, components[0].Err, &panicked)
		require.Equal(t, "broken", panicked.Value)
		require.NotEmpty(t, panicked.Stack)
		require.ErrorIs(t, components[1].Err, mediator.ErrGoexit)
		require.Equal(t, travelled, components[2].Err, "with the stack of its origin")
	})
}

func TestAnOptionalCheckIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		fail := func(context.Context) error {
			if broken.Load() {
				return errors.New("broken")
			}
			return nil
		}
		h := newMonitor(health.Config{Checks: []health.Check{{Name: "cache", Func: fail, Optional: true}}})
		h.AddCheck(health.Check{Name: "database", Func: func(context.Context) error { return nil }})
		for _, path := range []string{"/readyz", "/healthz"} {
			status, body := get(h.Handler(), path)
			require.Equal(t, 200, status)
			require.Equal(t, "ok\n", body)
		}
		require.Equal(t, health.Warning, h.Snapshot().Status)
		broken.Store(false)
		time.Sleep(3 * time.Second)
		get(h.Handler(), "/healthz")
		require.Equal(t, health.Healthy, h.Snapshot().Status)
	})
}

func TestAProberThatLeavesIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Checks: []health.Check{{Name: "slow", Func: func(ctx context.Context) error { <-ctx.Done(); return nil }}}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start := time.Now()
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil).WithContext(ctx))
		require.Equal(t, 503, w.Code)
		require.Equal(t, 10*time.Millisecond, time.Since(start))
		time.Sleep(time.Second)
		require.NoError(t, h.Snapshot().Components[0].Err, "the check went on for others")
	})
}

func TestASnapshotMakesNoCheckAndKeepsTheLatestResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		h := newMonitor(health.Config{Checks: []health.Check{{Name: "database", Func: func(context.Context) error {
			made++
			time.Sleep(100 * time.Millisecond)
			return errors.New("broken")
		}}}})
		require.Equal(t, []health.Component{{Name: "database"}}, h.Snapshot().Components)
		require.Zero(t, made)
		get(h.Handler(), "/readyz")
		time.Sleep(3 * time.Second)
		go get(h.Handler(), "/readyz")
		synctest.Wait()
		require.Equal(t, 2, made, "under way")
		require.Equal(t, health.Unhealthy, h.Snapshot().Components[0].Status)
		time.Sleep(time.Second)
	})
}

func TestChecksThatMakeNoSensePanic(t *testing.T) {
	ok := func(context.Context) error { return nil }
	h := newMonitor(health.Config{Checks: []health.Check{{Name: "database", Func: ok}}})
	for want, c := range map[string]health.Check{
		`health: Check without a Name`:                             {Func: ok},
		`health: Check "x": Func is nil`:                           {Name: "x"},
		`health: Check "x": Timeout is -1s: it cannot be negative`: {Name: "x", Func: ok, Timeout: -time.Second},
		`health: two checks with the name "database"`:              {Name: "database", Func: ok},
	} {
		require.PanicsWithValue(t, want, func() { h.AddCheck(c) })
	}
}
