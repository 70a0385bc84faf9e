package health_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// unlimited delivers items as fast as they are taken.
func unlimited(ctx context.Context, yield func(int, error) bool) {
	for i := 0; ctx.Err() == nil && yield(i, nil); i++ {
	}
}

// ticking delivers the item i at i times d. If it is held up, it catches up as fast as
// it may.
func ticking(d time.Duration) func(ctx context.Context, yield func(int, error) bool) {
	return func(ctx context.Context, yield func(int, error) bool) {
		begun := time.Now()
		for i := 0; ; i++ {
			if due := time.Until(begun.Add(time.Duration(i) * d)); due > 0 && !sleep(ctx, due) || !yield(i, nil) {
				return
			}
		}
	}
}

// taking consumes a stream for some time. rest is how long the consumer rests after an
// item, by the time since it began. It returns how many items it took, and how late the
// latest was that it took, of a feed that ticks.
func taking(t *testing.T, m *mediator.Mediator, f feed, lasts, tick time.Duration, rest func(time.Duration) time.Duration) (n int, late time.Duration) {
	t.Helper()
	begun := time.Now()
	for i, err := range mediator.Stream(t.Context(), m, f) {
		require.NoError(t, err)
		n++
		since := time.Since(begun)
		late = max(late, since-time.Duration(i)*tick)
		if since > lasts {
			break
		}
		time.Sleep(rest(since))
	}
	return n, late
}

// resting is a consumer that takes its time for each item, and more each so often.
func resting(item, pause, each time.Duration) func() func(time.Duration) time.Duration {
	return func() func(time.Duration) time.Duration {
		next := each
		return func(since time.Duration) time.Duration {
			if since < next {
				return item
			}
			next = since + pause + each
			return pause
		}
	}
}

// Whatever the consumer does, the default policies cost it nothing worth mentioning.
func TestPacingCostsNoItems(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		interval time.Duration
		policies []health.Policy
		capacity []int // of the queues, outermost first
		run      func(ctx context.Context, yield func(int, error) bool)
		rest     func() func(time.Duration) time.Duration
		lasts    time.Duration
		paced    string // yes or no, or nothing if it is chance: how full the queue is when the monitor looks
	}{
		"a consumer that pauses, and a short queue": {capacity: []int{100}, run: every(10*ms, 1<<30),
			rest: resting(0, 6*time.Second, 20*time.Second), lasts: 5 * time.Minute, paced: "no"},
		"a consumer that pauses, and a long queue": {capacity: []int{700}, run: every(10*ms, 1<<30),
			rest: resting(0, 6*time.Second, 20*time.Second), lasts: 5 * time.Minute},
		"a consumer that pauses for long": {capacity: []int{700}, run: every(10*ms, 1<<30),
			rest: resting(ms, time.Minute, 45*time.Second), lasts: 5 * time.Minute, paced: "yes"},
		"a consumer that pauses more than it works": {policies: []health.Policy{health.Pacing{Wait: 1}}, capacity: []int{700}, run: every(10*ms, 1<<30),
			rest: resting(ms, 6*time.Second, 2*time.Second), lasts: 5 * time.Minute, paced: "yes"},
		"a slow start": {interval: 30 * time.Second, capacity: []int{500}, run: every(ms, 1<<30),
			rest: func() func(time.Duration) time.Duration {
				return func(since time.Duration) time.Duration {
					if since < 31*time.Second {
						return 100 * ms
					}
					return 0
				}
			}, lasts: 2 * time.Minute, paced: "yes"},
		"a steady consumer": {capacity: []int{100}, run: unlimited, rest: resting(10*ms, 0, time.Hour), lasts: 5 * time.Minute, paced: "no"},
		"a steady consumer, and a long queue": {capacity: []int{2000}, run: unlimited,
			rest: resting(10*ms, 0, time.Hour), lasts: 5 * time.Minute, paced: "yes"},
		"a steady consumer, and two queues": {capacity: []int{1000, 500}, run: unlimited,
			rest: resting(10*ms, 0, time.Hour), lasts: 5 * time.Minute, paced: "yes"},
		"a steady consumer, and three queues": {capacity: []int{300, 1000, 500}, run: unlimited,
			rest: resting(10*ms, 0, time.Hour), lasts: 5 * time.Minute, paced: "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			taken := func(t *testing.T, bs ...mediator.Behavior) (n int) {
				for _, capacity := range c.capacity {
					bs = append(bs, backpressure.New(backpressure.Config{Capacity: capacity}))
				}
				n, _ = taking(t, newMediator(t, feeds(bs...)), feed{Run: c.run}, c.lasts, 0, c.rest())
				return n
			}
			var without, with int
			synctest.Test(t, func(t *testing.T) { without = taken(t) })
			synctest.Test(t, func(t *testing.T) {
				h := newMonitor(health.Config{Interval: c.interval, Policies: c.policies})
				with = taken(t, h)
				if c.paced != "" {
					require.Equal(t, c.paced == "yes", h.Snapshot().Ended[0].Adjusted > 0)
				}
			})
			require.InEpsilon(t, without, with, 0.02)
		})
	}
}

// A consumer of a feed that pauses is no later for a Monitor than it is without one.
func TestPacingMakesNothingLate(t *testing.T) {
	behind := func(t *testing.T, bs ...mediator.Behavior) time.Duration {
		m := newMediator(t, feeds(append(bs, backpressure.New(backpressure.Config{Capacity: 8000}))...))
		_, late := taking(t, m, feed{Run: ticking(time.Millisecond)}, 90*time.Second, time.Millisecond,
			resting(100*time.Microsecond, 10*time.Second, 30*time.Second)())
		return late
	}
	synctest.Test(t, func(t *testing.T) { require.InDelta(t, 10, behind(t).Seconds(), 0.1) })
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		require.InDelta(t, 10, behind(t, h).Seconds(), 0.5)
		require.Positive(t, h.Snapshot().Adjusted)
	})
}

// A queue that would stay full comes down to a third, and hardly rises from there: what is queued
// waits for less, the consumer gets as much, and the log is left alone.
func TestPacingShortensAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{})
		m := newMediator(t, feeds(h, backpressure.New(backpressure.Config{Capacity: 1000})))
		c := &consumer{}
		c.perSecond.Store(100)
		end := c.run(t, m, feed{Run: unlimited})
		time.Sleep(2 * time.Minute)
		require.Equal(t, health.Healthy, one(t, h.Snapshot()).Status, "not exhausted any more")
		for range 30 {
			time.Sleep(time.Minute)
			s := one(t, h.Snapshot())
			require.InDelta(t, 540, s.Queues[0].Depth, 265)
			require.InDelta(t, 100, s.Rate, 3)
			require.InDelta(t, 100, s.Queues[0].TakenRate, 3)
		}
		require.LessOrEqual(t, one(t, h.Snapshot()).Adjusted, uint64(8))
		end()
	})
}

// What is paced goes by the consumer that it has, and not by that of an hour ago.
func TestPacingFollowsTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second})
		m := newMediator(t, feeds(h, backpressure.New(backpressure.Config{Capacity: 1000})))
		c := &consumer{}
		for _, perSecond := range []int64{100, 20, 200, 50} {
			c.perSecond.Store(perSecond)
			if perSecond == 100 {
				defer c.run(t, m, feed{Run: unlimited})()
			}
			time.Sleep(2 * time.Minute)
			s := one(t, h.Snapshot())
			require.InEpsilon(t, perSecond, s.Rate, 0.05)
			require.Positive(t, s.Queues[0].Depth)
		}
	})
}

func TestAPaceThatIsNotWhileQueuedStaysAsAnyAdjustment(t *testing.T) {
	for brief, pace := range map[bool]float64{true: 0, false: 50} {
		t.Run(strconv.FormatBool(brief), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newMonitor(health.Config{Interval: time.Second, Relax: 3, Policies: []health.Policy{
					health.PolicyFunc(func(s health.Stream) []health.Adjustment {
						if s.Adjusted > 0 {
							return nil
						}
						return []health.Adjustment{{Action: health.SetPace, To: 50, WhileQueued: brief}}
					})}})
				v := &valve{}
				end := consume(t, newMediator(t, feeds(h, queue(v, 10))), every(10*time.Millisecond, 1<<30))
				time.Sleep(1500 * time.Millisecond)
				require.InDelta(t, pace, v.Pace(), 0, "nothing is queued")
				time.Sleep(5 * time.Second)
				require.Zero(t, v.Pace(), "calm")
				r := h.Snapshot()
				require.EqualValues(t, 2, r.Adjusted)
				require.EqualValues(t, 2, one(t, r).Adjusted)
				require.True(t, r.Adjustments[1].Undo)
				require.NoError(t, end())
			})
		})
	}
}

// What else was adjusted goes back once the stream is calm, also while it is paced anew.
func TestAPaceWhileQueuedOutlastsACalmStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Relax: 3, Policies: []health.Policy{
			health.PolicyFunc(func(s health.Stream) []health.Adjustment {
				all := []health.Adjustment{{Action: health.SetPace, To: 50 + float64(s.Adjusted), WhileQueued: true}}
				if s.Adjusted == 0 {
					all = append(all, health.Adjustment{Action: health.SetCapacity, To: 12})
				}
				return all
			})}})
		v := &valve{}
		m := newMediator(t, feeds(h, queue(v, 10)))
		ctx, leave := context.WithCancel(t.Context())
		var consuming sync.WaitGroup
		consuming.Go(func() {
			for range mediator.Stream(ctx, m, feed{Run: silent(5)}) {
				sleep(ctx, time.Hour)
			}
		})
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 12, one(t, h.Snapshot()).Queues[0].Capacity)
		time.Sleep(8 * time.Second)
		s := one(t, h.Snapshot())
		require.Equal(t, 4, s.Queues[0].Depth, "it has something to go on with")
		require.Equal(t, 10, s.Queues[0].Capacity)
		require.Greater(t, v.Pace(), 55.0)
		for _, a := range h.Snapshot().Adjustments {
			require.False(t, a.Undo && a.Action == health.SetPace)
		}
		leave()
		consuming.Wait()
	})
}
