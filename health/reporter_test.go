package health_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// kept is a Reporter that keeps what it is given.
type kept struct {
	mu  sync.Mutex
	all []health.Report
}

func (k *kept) Report(r health.Report) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, r)
}

func (k *kept) reports() []health.Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all
}

func TestEachStreamIsReportedEveryInterval(t *testing.T) {
	for interval, want := range map[time.Duration]int{0: 6, time.Second: 30, 20 * time.Second: 1} {
		synctest.Test(t, func(t *testing.T) {
			k := &kept{}
			h := newMonitor(health.Config{Interval: interval, Reporters: []health.Reporter{k}})
			m := newMediator(t, feeds(h))
			var ends []func() error
			for range 3 {
				ends = append(ends, consume(t, m, every(100*time.Millisecond, 1<<30)))
			}
			time.Sleep(30*time.Second + 50*time.Millisecond)
			reports := k.reports()
			require.Len(t, reports, want, "the default is 5s")
			for i, r := range reports {
				require.Len(t, r.Streams, 3)
				require.Empty(t, r.Ended)
				for j, s := range r.Streams {
					require.EqualValues(t, j+1, s.ID)
				}
				if i > 0 {
					require.Greater(t, r.Streams[0].Items, reports[i-1].Streams[0].Items)
				}
			}
			for _, end := range ends {
				require.NoError(t, end())
			}
			time.Sleep(3 * time.Second)
			last := k.reports()[len(k.reports())-1]
			require.Empty(t, last.Streams)
			require.Len(t, last.Ended, 3, "once more, soon after the last has ended")
			n := len(k.reports())
			time.Sleep(time.Hour)
			require.Len(t, k.reports(), n, "nothing happens, nothing is reported")
		})
	}
}

func TestAReporterThatBlocksPanicsOrExitsHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		good, blocked := &kept{}, &kept{}
		calls := 0
		h := newMonitor(health.Config{Interval: time.Second, Stall: 3 * time.Second, Policies: []health.Policy{health.Restart{}}, Reporters: []health.Reporter{
			health.ReporterFunc(func(r health.Report) { <-release; blocked.Report(r) }),
			health.ReporterFunc(func(health.Report) { panic("rude") }),
			health.ReporterFunc(func(health.Report) {
				if calls++; calls%2 == 0 {
					runtime.Goexit()
				}
			}),
			good,
		}})
		m := newMediator(t, feeds(h, retry(100)))
		for range 5 {
			for range mediator.Stream(t.Context(), m, feed{Run: every(time.Millisecond, 500)}) {
			}
		}
		end := consume(t, m, silent(0))
		time.Sleep(60*time.Second + 50*time.Millisecond)
		r := h.Snapshot()
		require.GreaterOrEqual(t, len(good.reports()), 60)
		require.GreaterOrEqual(t, calls, 60, "it is called again")
		require.GreaterOrEqual(t, r.Panics, uint64(60))
		require.Greater(t, r.Skipped, uint64(57), "of the one that blocks")
		require.GreaterOrEqual(t, one(t, r).Interrupts, uint64(4), "the Monitor goes on")
		require.Equal(t, health.Unhealthy, one(t, r).Status)

		close(release)
		time.Sleep(time.Second)
		reports := blocked.reports()
		require.Greater(t, reports[len(reports)-1].Skipped, uint64(57))
		ended, adjusted := 0, 0
		for _, r := range reports {
			ended += len(r.Ended)
			adjusted += len(r.Adjustments)
		}
		require.Equal(t, 5, ended, "what was skipped comes with the next")
		require.EqualValues(t, h.Snapshot().Adjusted, adjusted)
		require.NoError(t, end())
	})
}

func TestALogThatPanicsOrBlocksHarmsNobody(t *testing.T) {
	release := make(chan struct{})
	for name, handle := range map[string]func(){"panics": func() { panic("rude") }, "blocks": func() { <-release }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release = make(chan struct{})
				h := newMonitor(health.Config{Interval: time.Second, Stall: 3 * time.Second, Policies: []health.Policy{health.Restart{}},
					Logger: slog.New(rudeLog{slog.DiscardHandler, handle})})
				m := newMediator(t, feeds(h, retry(4)))
				for range mediator.Stream(t.Context(), m, feed{Run: silent(0)}) {
				}
				require.EqualValues(t, 4, h.Snapshot().Adjusted)
				close(release)
			})
		})
	}
}

type rudeLog struct {
	slog.Handler
	handle func()
}

func (rudeLog) Enabled(context.Context, slog.Level) bool { return true }
func (l rudeLog) Handle(context.Context, slog.Record) error {
	l.handle()
	return nil
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		h := newMonitor(health.Config{Interval: time.Second, Stall: 3 * time.Second, Reporters: []health.Reporter{
			health.Log(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))}})
		m := newMediator(t, feeds(h), jobs(h), mediator.Subscribe(func(context.Context, told) error { return nil }, mediator.Use(h), mediator.Group("ear")))
		require.Error(t, mediator.Exec(t.Context(), m, job{Do: func(context.Context) error { return errors.New("broken") }}))
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		end := consume(t, m, func(_ context.Context, yield func(int, error) bool) {
			yield(1, nil)
			time.Sleep(4500 * time.Millisecond)
			yield(0, errors.New("broken"))
		})
		time.Sleep(7 * time.Second)
		require.Error(t, end())
		text := log.String()
		require.Contains(t, text, "level=DEBUG msg=stream name=feed id=1 status=healthy items=1 rate=")
		require.Contains(t, text, "level=ERROR msg=stream name=feed id=1 status=unhealthy")
		require.Contains(t, text, `findings="stalled: 4s, limit 3s"`)
		require.Contains(t, text, `level=ERROR msg="stream ended" name=feed id=1 status=failed`)
		require.Contains(t, text, "error: broken")
		require.Equal(t, 1, strings.Count(text, "stream ended"))
		require.Contains(t, text, "level=DEBUG msg=request name=job status=healthy started=1 in_flight=0 failed=1")
		require.Contains(t, text, "level=DEBUG msg=notification name=health_test.told")
		require.Contains(t, text, "handler=ear")
	})
	require.PanicsWithValue(t, "health: Log: the logger is nil", func() { health.Log(nil) })
}
