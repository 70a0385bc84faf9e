package health_test

import (
	"context"
	"errors"
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

func TestRatesAreOfTheWindowNotOfTheLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := newMonitor(health.Config{Interval: time.Second, Degraded: -1})
		m := newMediator(t, feeds(h))
		end := consume(t, m, func(ctx context.Context, yield func(int, error) bool) {
			every(time.Millisecond, 10_000)(ctx, yield)   // 1000 a second for 10s
			every(100*time.Millisecond, 1000)(ctx, yield) // 10 a second
		})
		time.Sleep(9950 * time.Millisecond)
		s := one(t, h.Snapshot())
		require.InDelta(t, 1000, s.Rate, 20)
		require.InDelta(t, 1000, s.PeakRate, 120, "at most a step of the window more")
		time.Sleep(10 * time.Second)
		s = one(t, h.Snapshot())
		require.InDelta(t, 10, s.Rate, 1.1)
		require.InDelta(t, 1000, s.PeakRate, 120)
		require.InDelta(t, 10_099, s.Items, 1)
		require.Equal(t, start, s.Started)
		require.Equal(t, start.Add(time.Millisecond), s.FirstItem)
		require.WithinDuration(t, time.Now(), s.LastItem, 100*time.Millisecond)
		require.Equal(t, "feed", s.Name)
		require.NoError(t, end())
		ended := h.Snapshot().Ended
		require.Len(t, ended, 1)
		require.Equal(t, time.Now(), ended[0].Ended)
		require.InDelta(t, 1000, ended[0].PeakRate, 120)
		require.Equal(t, s.Items, ended[0].Items)
	})
}

func TestABurstCountsAsIfItTookATenthOfTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Window: 10 * time.Second})
		m := newMediator(t, feeds(h))
		for range mediator.Stream(t.Context(), m, feed{Run: every(0, 500)}) {
		}
		require.InDelta(t, 500, h.Snapshot().Ended[0].PeakRate, 1e-9)
	})
}

func TestItemsAreExactAtTheEndAndForSlowStreams(t *testing.T) {
	for _, n := range []int{0, 1, 2, 255, 256, 257, 511, 100_003} {
		synctest.Test(t, func(t *testing.T) {
			h := newMonitor(health.Config{})
			m := newMediator(t, feeds(h))
			got := 0
			for range mediator.Stream(t.Context(), m, feed{Run: every(0, n)}) {
				got++
			}
			require.Equal(t, n, got)
			r := h.Snapshot()
			require.EqualValues(t, n, r.Ended[0].Items)
			require.EqualValues(t, n, r.Totals[0].Items)
			require.Equal(t, n == 0, r.Ended[0].FirstItem.IsZero())

			seen := 0
			for range mediator.Stream(t.Context(), m, feed{Run: every(time.Millisecond, min(n, 300))}) {
				seen++
				require.EqualValues(t, seen, one(t, h.Snapshot()).Items)
			}
		})
	}
}

func TestAFastStreamLagsByLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second})
		m := newMediator(t, feeds(h))
		seen := 0
		for range mediator.Stream(t.Context(), m, feed{Run: every(10*time.Microsecond, 50_000)}) {
			if seen++; seen%997 == 0 {
				s := one(t, h.Snapshot())
				require.LessOrEqual(t, int(s.Items), seen)
				require.Greater(t, int(s.Items), seen-256)
				require.Less(t, time.Since(s.LastItem), 3*time.Millisecond)
			}
		}
	})
}

// What a fast stream has not published when it stops abruptly comes with its next
// item, however late that is.
func TestAStandstillIsNoStallBeforeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 5 * time.Second})
		m := newMediator(t, feeds(h))
		resume := make(chan struct{})
		end := consume(t, m, func(ctx context.Context, yield func(int, error) bool) {
			every(time.Microsecond, 10_000)(ctx, yield)
			<-resume
			yield(0, nil)
			<-ctx.Done()
		})
		time.Sleep(4990 * time.Millisecond)
		require.False(t, one(t, h.Snapshot()).Has(health.Stalled))
		time.Sleep(500 * time.Millisecond)
		require.True(t, one(t, h.Snapshot()).Has(health.Stalled))
		close(resume)
		time.Sleep(200 * time.Millisecond)
		s := one(t, h.Snapshot())
		require.False(t, s.Has(health.Stalled))
		require.EqualValues(t, 10_001, s.Items)
		require.NoError(t, end())
	})
}

func TestMemoryIsSampledOncePerLookForAllStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var samples, memory atomic.Int64
		memory.Store(1000)
		h := newMonitor(health.Config{Interval: time.Second, Memory: func() uint64 {
			samples.Add(1)
			return uint64(memory.Load())
		}})
		m := newMediator(t, feeds(h))
		var ends []func() error
		for range 50 {
			ends = append(ends, consume(t, m, every(10*time.Millisecond, 1<<30)))
		}
		time.Sleep(950 * time.Millisecond)
		memory.Store(5000)
		time.Sleep(time.Second)
		memory.Store(3000)
		time.Sleep(time.Second)
		r := h.Snapshot()
		require.Len(t, r.Streams, 50)
		for _, s := range r.Streams {
			require.Equal(t, []uint64{1000, 3000, 5000}, []uint64{s.StartMemory, s.Memory, s.PeakMemory})
		}
		require.Equal(t, []uint64{3000, 5000}, []uint64{r.Memory, r.PeakMemory})
		require.InDelta(t, 30, samples.Load(), 4, "ten looks a second, and those before there were any")
		for _, end := range ends {
			require.NoError(t, end())
		}
	})
}

func TestEndings(t *testing.T) {
	broken := errors.New("broken")
	fails := func(err error) func(context.Context, func(int, error) bool) {
		return func(_ context.Context, yield func(int, error) bool) {
			if yield(1, nil) {
				yield(0, err)
			}
		}
	}
	consumeAll := func(ctx context.Context, m *mediator.Mediator, f feed) {
		for range mediator.Stream(ctx, m, f) {
		}
	}
	for name, c := range map[string]struct {
		run      func(context.Context, func(int, error) bool)
		consume  func(ctx context.Context, m *mediator.Mediator, f feed)
		status   health.Status
		err      error
		failed   uint64
		canceled uint64
	}{
		"complete": {run: every(0, 3), consume: consumeAll},
		"an error": {run: fails(broken), consume: consumeAll, status: health.Failed, err: broken, failed: 1},
		"the consumer leaves": {run: every(0, 3), consume: func(ctx context.Context, m *mediator.Mediator, f feed) {
			for range mediator.Stream(ctx, m, f) {
				break
			}
		}},
		"the consumer panics": {run: every(0, 3), consume: func(ctx context.Context, m *mediator.Mediator, f feed) {
			defer func() { _ = recover() }()
			for range mediator.Stream(ctx, m, f) {
				panic("mine")
			}
		}},
		"the caller cancels": {run: silent(1), consume: func(ctx context.Context, m *mediator.Mediator, f feed) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			for range mediator.Stream(ctx, m, f) {
				cancel()
			}
		}, err: context.Canceled, canceled: 1},
		"the caller's time is over": {run: silent(1), consume: func(ctx context.Context, m *mediator.Mediator, f feed) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			consumeAll(ctx, m, f)
		}, status: health.Failed, err: context.DeadlineExceeded, failed: 1},
		"a handler's own cancellation": {run: fails(context.Canceled), consume: consumeAll, status: health.Failed, err: context.Canceled, failed: 1},
		"the handler panics": {run: func(context.Context, func(int, error) bool) { panic("broken") },
			consume: func(ctx context.Context, m *mediator.Mediator, f feed) {
				defer func() { _ = recover() }()
				consumeAll(ctx, m, f)
			}, status: health.Failed, failed: 1},
		"the handler exits": {run: func(context.Context, func(int, error) bool) { runtime.Goexit() },
			consume: func(ctx context.Context, m *mediator.Mediator, f feed) {
				var wg sync.WaitGroup
				wg.Go(func() { consumeAll(ctx, m, f) })
				wg.Wait()
			}, status: health.Failed, failed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newMonitor(health.Config{})
				m := newMediator(t, feeds(h))
				c.consume(t.Context(), m, feed{Run: c.run})
				r := h.Snapshot()
				require.Empty(t, r.Streams)
				require.Len(t, r.Ended, 1)
				s, totals := r.Ended[0], r.Totals[0]
				require.Equal(t, c.status, s.Status)
				require.Equal(t, c.status == health.Failed, s.Has(health.Failure))
				if c.err != nil {
					require.ErrorIs(t, s.Err, c.err)
				} else if c.failed == 0 {
					require.NoError(t, s.Err)
				} else {
					require.Error(t, s.Err)
				}
				require.Equal(t, c.failed, s.Errors)
				require.Equal(t, []uint64{1, 0, c.failed, c.canceled}, []uint64{totals.Started, totals.InFlight, totals.Failed, totals.Canceled})
				require.Equal(t, health.Healthy, r.Status, "what has ended does not make the process unhealthy")
			})
		})
	}
}

func TestOnlySoManyEndedStreamsAreKept(t *testing.T) {
	for recent, want := range map[int]int{0: 32, 3: 3, -1: 0} {
		synctest.Test(t, func(t *testing.T) {
			h := newMonitor(health.Config{Recent: recent})
			m := newMediator(t, feeds(h))
			for range 40 {
				for range mediator.Stream(t.Context(), m, feed{Run: every(0, 1)}) {
				}
			}
			r := h.Snapshot()
			require.Len(t, r.Ended, want)
			for i, s := range r.Ended {
				require.EqualValues(t, 40-want+i+1, s.ID, "the oldest first")
			}
			require.EqualValues(t, 40, r.Totals[0].Items)
		})
	}
}

func TestAStatusImprovesAfterSomeLooksInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 2 * time.Second, Recovery: 5}) // looks: 100ms
		m := newMediator(t, feeds(h))
		resume := make(chan struct{})
		end := consume(t, m, func(ctx context.Context, yield func(int, error) bool) {
			yield(0, nil)
			for range resume {
				yield(0, nil)
			}
		})
		time.Sleep(2150 * time.Millisecond)
		require.Equal(t, health.Unhealthy, one(t, h.Snapshot()).Status, "one look is enough to get worse")
		resume <- struct{}{}
		time.Sleep(400 * time.Millisecond)
		s := one(t, h.Snapshot())
		require.Equal(t, health.Unhealthy, s.Status)
		require.Empty(t, s.Findings, "better, but not for long enough")
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, health.Healthy, one(t, h.Snapshot()).Status)
		close(resume)
		require.NoError(t, end())
	})
}

func TestErrorsThatAStreamSurvivesAreNoted(t *testing.T) {
	malformed := errors.New("malformed")
	require.False(t, health.NoteError(t.Context(), malformed), "nobody watches")
	synctest.Test(t, func(t *testing.T) {
		inner, outer := newMonitor(health.Config{}), newMonitor(health.Config{})
		m := newMediator(t, feeds(outer, inner))
		for range mediator.Stream(t.Context(), m, feed{Run: func(ctx context.Context, yield func(int, error) bool) {
			require.False(t, health.NoteError(ctx, nil))
			require.True(t, health.NoteError(ctx, malformed))
			require.True(t, health.NoteError(ctx, malformed))
			yield(1, nil)
		}}) {
			require.EqualValues(t, 2, one(t, inner.Snapshot()).Errors)
		}
		for _, h := range []*health.Monitor{inner, outer} {
			r := h.Snapshot()
			require.EqualValues(t, 2, r.Ended[0].Errors)
			require.EqualValues(t, 2, r.Totals[0].Errors)
			require.Zero(t, r.Totals[0].Failed)
		}
	})
}

// A retry makes new queues, which may be gone before the Monitor looks: what they
// dropped is counted.
func TestDropsOfQueuesThatAreGoneCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		runs := 0
		again := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
			for range 3 {
				err = next(ctx, c)
			}
			return err
		})
		m := newMediator(t, feeds(h, again, dropHalf()))
		for range mediator.Stream(t.Context(), m, feed{Run: func(_ context.Context, yield func(int, error) bool) {
			runs++
			for i := range 8 {
				yield(i, nil)
			}
		}}) {
		}
		require.Equal(t, 3, runs)
		s := h.Snapshot().Ended[0]
		require.EqualValues(t, 12, s.Items)
		require.EqualValues(t, 12, s.Dropped)
	})
}

func TestTenThousandStreamsNeedOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		h := newMonitor(health.Config{})
		m := newMediator(t, feeds(h))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		before := runtime.NumGoroutine()
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for range mediator.Stream(ctx, m, feed{Run: every(2*time.Second, 1<<30)}) {
				}
			})
		}
		time.Sleep(6*time.Second + time.Millisecond)
		synctest.Wait()
		require.LessOrEqual(t, runtime.NumGoroutine(), before+n+1, "those of the consumers, and at most one that looks")
		r := h.Snapshot()
		require.Len(t, r.Streams, n)
		require.EqualValues(t, n, r.Totals[0].InFlight)
		require.EqualValues(t, 3*n, r.Totals[0].Items)
		require.Equal(t, health.Healthy, r.Status)
		cancel()
		wg.Wait()
		require.EqualValues(t, n, h.Snapshot().Totals[0].Canceled)
	})
}
