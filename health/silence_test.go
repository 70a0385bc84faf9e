package health_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// configs are the presets, and what has a Window longer than its looks are apart.
var configs = map[string]health.Config{
	"default": {}, "HighPerformance": health.HighPerformance(), "DataProcessing": health.DataProcessing(),
	"LongRunning": health.LongRunning(), "RealTime": health.RealTime(), "Development": health.Development(),
	"a window of half a minute": {Window: 30 * time.Second}, "a long window": {Interval: time.Second, Window: time.Minute},
}

var failing = job{Do: func(context.Context) error { return errors.New("broken") }}

// noting delivers n items with an error noted before each.
func noting(n int) func(ctx context.Context, yield func(int, error) bool) {
	return func(ctx context.Context, yield func(int, error) bool) {
		for i := range n {
			health.NoteError(ctx, errors.New("malformed"))
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Neither what failed before a silence nor the silence itself is part of a window that
// begins after it, for a request and a stream alike.
func TestWhatFailedBeforeASilenceDoesNotCount(t *testing.T) {
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newMonitor(c)
				m := newMediator(t, jobs(h), feeds(h))
				for range 3 {
					for range 6 {
						require.Error(t, mediator.Exec(t.Context(), m, failing))
					}
					for range 3 { // three items, three errors
						drain(t.Context(), m, feed{Run: noting(1)})
					}
					r := h.Snapshot()
					require.InDelta(t, 1, r.Totals[0].ErrorRate, 1e-9)
					require.InDelta(t, .5, r.Totals[1].ErrorRate, 1e-9)
					for range 30 {
						time.Sleep(100 * time.Millisecond)
						require.Equal(t, health.Healthy, h.Snapshot().Status)
						status, _ := get(h.Handler(), "/healthz")
						require.Equal(t, 200, status)
					}
					time.Sleep(time.Hour)
					for _, totals := range h.Snapshot().Totals {
						require.Zero(t, totals.ErrorRate)
						require.Zero(t, totals.Rate)
						require.Empty(t, totals.Findings)
					}
				}
			})
		})
	}
}

// A silence is no reason to forget what is in the window: six failures and six more make
// a dozen until the first are older than Window.
func TestWhatFailedBeforeAShortSilenceCounts(t *testing.T) {
	for silence, want := range map[time.Duration]health.Status{
		5 * time.Second: health.Unhealthy, 30 * time.Second: health.Unhealthy, 55 * time.Second: health.Unhealthy,
		68 * time.Second: health.Healthy, 90 * time.Second: health.Healthy, 119 * time.Second: health.Healthy,
	} {
		t.Run(silence.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newMonitor(health.Config{Window: time.Minute})
				m := newMediator(t, jobs(h))
				for range 2 {
					for range 6 {
						require.Error(t, mediator.Exec(t.Context(), m, failing))
					}
					time.Sleep(silence)
					if want == health.Healthy {
						require.Zero(t, h.Snapshot().Totals[0].ErrorRate)
					}
				}
				for range 6 {
					require.Error(t, mediator.Exec(t.Context(), m, failing))
				}
				time.Sleep(2 * time.Second)
				r := h.Snapshot()
				require.Equal(t, want, r.Status)
				require.InDelta(t, 1, r.Totals[0].ErrorRate, 1e-9)
				time.Sleep(5 * time.Minute)
				require.Equal(t, health.Healthy, h.Snapshot().Status)
				require.Zero(t, h.Snapshot().Totals[0].ErrorRate)
			})
		})
	}
}

// After a silence as before it, the rate is what came in the last Window, divided by that.
func TestRatesAfterASilence(t *testing.T) {
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			window := max(c.Window, c.Interval)
			if window == 0 {
				window = 5 * time.Second
			}
			for _, silence := range []time.Duration{3 * time.Second, window / 2, 3 * window / 2, time.Hour} {
				synctest.Test(t, func(t *testing.T) {
					h := newMonitor(c)
					m := newMediator(t, jobs(h), feeds(h))
					// burst has 500 calls and 500 items come a second.
					burst := func(lasts time.Duration) {
						end := consume(t, m, every(2*time.Millisecond, int(lasts/(2*time.Millisecond))))
						for begun := time.Now(); time.Since(begun) < lasts; time.Sleep(20 * time.Millisecond) {
							for range 10 {
								require.NoError(t, mediator.Exec(t.Context(), m, job{Do: succeed}))
							}
						}
						require.NoError(t, end())
					}
					burst(time.Second)
					time.Sleep(window + window/5 + 2*time.Second)
					require.Zero(t, h.Snapshot().Totals[0].Rate)
					require.Zero(t, h.Snapshot().Totals[1].Rate)
					time.Sleep(silence)

					lasts := window / 4
					burst(lasts)
					for _, totals := range h.Snapshot().Totals {
						require.InEpsilon(t, 500*.25, totals.Rate, .02, totals.Name)
					}
					burst(window)
					for _, totals := range h.Snapshot().Totals {
						require.InEpsilon(t, 500, totals.Rate, .02, totals.Name)
						require.InEpsilon(t, 500, totals.PeakRate, .11, totals.Name) // ten calls come at once
					}
				})
			}
		})
	}
}

// A window is no shorter than Window because the looks are closer than its steps.
func TestAWindowHoldsAllOfIt(t *testing.T) {
	for _, interval := range []time.Duration{3 * time.Second, 4 * time.Second, 4500 * time.Millisecond, 5 * time.Second, 9 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := newMonitor(health.Config{Interval: interval, Window: 5 * time.Second})
			m := newMediator(t, jobs(h))
			require.Error(t, mediator.Exec(t.Context(), m, failing)) // the looks begin
			time.Sleep(240 * time.Millisecond)                       // whence no call is at the time of one
			for range 40 {                                           // ten in five seconds
				require.Error(t, mediator.Exec(t.Context(), m, failing))
				time.Sleep(500 * time.Millisecond)
			}
			require.Equal(t, health.Unhealthy, h.Snapshot().Status, interval)
		})
	}
}

// Errors that are noted by what outlives its stream are errors of when they are noted.
func TestErrorsNotedInASilenceEndWithTheirWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, feeds(h))
		var outlives context.Context
		drain(t.Context(), m, feed{Run: func(ctx context.Context, yield func(int, error) bool) {
			outlives = ctx
			yield(0, nil)
		}})
		for range 2 {
			time.Sleep(time.Hour)
			for range 6 {
				require.True(t, health.NoteError(outlives, errors.New("malformed")))
			}
			require.InDelta(t, 1, h.Snapshot().Totals[0].ErrorRate, 1e-9)
			time.Sleep(3 * time.Second)
			require.Equal(t, health.Healthy, h.Snapshot().Status)
			time.Sleep(10 * time.Second)
			require.Zero(t, h.Snapshot().Totals[0].ErrorRate)
		}
	})
}

// What ends while the first look after a silence is still being made is of that moment.
func TestCallsThatEndBeforeTheFirstLookAfterASilenceCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var duringLook func()
		h := newMonitor(health.Config{Memory: func() uint64 {
			if f := duringLook; f != nil {
				duringLook = nil
				f()
			}
			return 10 << 20
		}})
		m := newMediator(t, jobs(h))
		require.NoError(t, mediator.Exec(t.Context(), m, job{Do: succeed}))
		time.Sleep(time.Hour)
		synctest.Wait()
		duringLook = func() {
			for range 12 {
				require.Error(t, mediator.Exec(t.Context(), m, failing))
			}
		}
		require.NoError(t, mediator.Exec(t.Context(), m, job{Do: succeed}))
		time.Sleep(time.Second)
		totals := h.Snapshot().Totals[0]
		require.InDelta(t, 12./13, totals.ErrorRate, 1e-9)
		require.InDelta(t, 1/5., totals.Rate, 1e-9)
		require.Equal(t, health.Unhealthy, totals.Status)
		time.Sleep(time.Minute)
		require.Equal(t, health.Healthy, h.Snapshot().Status)
	})
}
