package health_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// stuck is a consumer that takes one item, and no other until it is let go.
func stuck(ctx context.Context, m *mediator.Mediator, f feed) (letGo func()) {
	release := make(chan struct{})
	go func() {
		for range mediator.Stream(ctx, m, f) {
			<-release
		}
	}()
	return func() { close(release) }
}

// drain takes all that there is.
func drain(ctx context.Context, m *mediator.Mediator, f feed) {
	for range mediator.Stream(ctx, m, f) {
	}
}

// A consumer that hangs is told from a source that does, if there is a queue between
// them, wherever the Monitor stands.
func TestAQueueTellsAStuckConsumerFromAStalledSource(t *testing.T) {
	for _, where := range []string{"outside", "inside"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newMonitor(health.Config{Stall: 5 * time.Second})
				bs := []mediator.Behavior{h, backpressure.New(backpressure.Config{Capacity: 10})}
				if where == "inside" {
					bs[0], bs[1] = bs[1], bs[0]
				}
				m := newMediator(t, feeds(bs...))
				ctx, cancel := context.WithCancel(t.Context())
				letGo := stuck(ctx, m, feed{Run: func(ctx context.Context, yield func(int, error) bool) {
					every(10*time.Millisecond, 50)(ctx, yield)
					silent(0)(ctx, yield)
				}})
				time.Sleep(20 * time.Second)
				s := one(t, h.Snapshot())
				require.Contains(t, reasons(s.Findings), health.Stalled)
				require.Equal(t, health.Warning, s.Status)
				status, _ := get(h.Handler(), "/healthz")
				require.Equal(t, 200, status)

				letGo() // it takes what there is, and then the source has no more
				time.Sleep(20 * time.Second)
				require.Equal(t, health.Unhealthy, one(t, h.Snapshot()).Status)
				status, _ = get(h.Handler(), "/healthz")
				require.Equal(t, 503, status)
				cancel()
				time.Sleep(time.Second)
			})
		})
	}
}

// Without a queue it is the share of the streams that decides.
func TestOneStuckConsumerOfManyIsAWarning(t *testing.T) {
	for name, c := range map[string]struct {
		stuck, busy int
		limit       float64
		want        health.Status
		code        int
	}{
		"the only one":              {stuck: 1, want: health.Unhealthy, code: 503},
		"one of two":                {stuck: 1, busy: 1, want: health.Unhealthy, code: 503},
		"one of three":              {stuck: 1, busy: 2, want: health.Warning, code: 200},
		"one of 51":                 {stuck: 1, busy: 50, want: health.Warning, code: 200},
		"one of 51, and that is it": {stuck: 1, busy: 50, limit: 0.01, want: health.Unhealthy, code: 503},
		"all, and that is nothing":  {stuck: 3, limit: -1, want: health.Warning, code: 200},
		"none":                      {busy: 2, want: health.Healthy, code: 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				recorder := behaviors.NewRecorder()
				h := newMonitor(health.Config{Stall: 5 * time.Second, MaxUnhealthy: c.limit})
				m := newMediator(t, feeds(recorder, h))
				f := feed{Run: every(10*time.Millisecond, 1<<30)}
				ctx, cancel := context.WithCancel(t.Context())
				letGo := func() {}
				for range c.stuck {
					letGo = func(before, last func()) func() { return func() { before(); last() } }(letGo, stuck(ctx, m, f))
				}
				for range c.busy {
					go drain(ctx, m, f)
				}
				time.Sleep(20 * time.Second)
				r := h.Snapshot()
				require.Equal(t, c.want, r.Status)
				require.Equal(t, c.want, r.Totals[0].Status)
				require.EqualValues(t, c.stuck, r.Totals[0].Stalled)
				unhealthy := 0
				for _, s := range r.Streams {
					if s.Status == health.Unhealthy {
						unhealthy++
					}
				}
				require.Equal(t, c.stuck, unhealthy, "a stream for itself is")
				status, _ := get(h.Handler(), "/healthz")
				require.Equal(t, c.code, status)
				status, _ = get(h.Handler(), "/healthz?verbose")
				require.Equal(t, c.code, status)
				require.Equal(t, c.want.String(), recorder.Snapshot().Readings[0].State)
				letGo()
				cancel()
				time.Sleep(time.Second)
			})
		})
	}
}

type ticks struct{ mediator.Yields[int] }

func tickAway(ctx context.Context, _ ticks) iter.Seq2[int, error] {
	return feeding(ctx, feed{Run: every(10*time.Millisecond, 1<<30)})
}

// The streams of another message do not make up for those of one that have stalled.
func TestEachMessageHasItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Stall: 5 * time.Second})
		m := newMediator(t, feeds(h), mediator.HandleStream(tickAway, mediator.Use(h)))
		ctx, cancel := context.WithCancel(t.Context())
		go drain(ctx, m, feed{Run: silent(1)})
		for range 10 {
			go func() {
				for range mediator.Stream(ctx, m, ticks{}) {
				}
			}()
		}
		time.Sleep(20 * time.Second)
		require.Equal(t, health.Unhealthy, h.Snapshot().Status)
		cancel()
		time.Sleep(time.Second)
	})
}

// What else the process does never makes a stream unhealthy.
func TestGrowthOfTheProcessIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memory atomic.Uint64
		memory.Store(30 << 20)
		c := health.RealTime()
		c.Memory = memory.Load
		h := newMonitor(c)
		m := newMediator(t, feeds(h))
		end := consume(t, m, every(time.Millisecond, 1<<30))
		time.Sleep(time.Minute)
		memory.Store(900 << 20)
		time.Sleep(10 * time.Second)
		s := one(t, h.Snapshot())
		require.Equal(t, []health.Reason{health.HighMemory}, reasons(s.Findings))
		require.Equal(t, health.Warning, s.Status)
		status, _ := get(h.Handler(), "/healthz")
		require.Equal(t, 200, status)
		require.NoError(t, end())
	})
}
