package health_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// valve is the owner of a queue: it paces and samples the producer.
type valve struct {
	pace   atomic.Int64 // items per second
	sample atomic.Int64
	n      int64
}

func (v *valve) SetPace(itemsPerSecond float64) { v.pace.Store(int64(itemsPerSecond)) }
func (v *valve) Pace() float64                  { return float64(v.pace.Load()) }
func (v *valve) SetSample(oneIn int)            { v.sample.Store(int64(oneIn)) }
func (v *valve) Sample() int                    { return int(max(1, v.sample.Load())) }

func (v *valve) admit(q *mediator.Queue) mediator.Verdict {
	if v.n++; v.n%int64(v.Sample()) != 0 {
		return mediator.Skip
	}
	if pace := v.pace.Load(); pace > 0 {
		q.Pause(time.Second / time.Duration(pace))
	}
	return mediator.Enqueue
}

// queue is a boundary with a valve.
func queue(v *valve, capacity int) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return mediator.NewQueue(mediator.QueueConfig{Capacity: capacity, Admit: v.admit, Owner: v}).Run(ctx, c, next)
	})
}

// consumer takes items of a feed at a rate that can be changed, until its context ends.
type consumer struct{ perSecond atomic.Int64 }

func (c *consumer) run(t testing.TB, m *mediator.Mediator, f feed) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, err := range mediator.Stream(ctx, m, f) {
			if err == nil {
				sleep(ctx, time.Second/time.Duration(c.perSecond.Load()))
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// journal is a log to be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func lines(log *journal, with string) (n int) {
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, with) {
			n++
		}
	}
	return n
}

func TestAProducerIsSlowedAndLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		h := newMonitor(health.Config{Interval: time.Second, Relax: 3, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		v := &valve{}
		m := newMediator(t, feeds(h, queue(v, 50)))
		c := &consumer{}
		c.perSecond.Store(20)
		end := c.run(t, m, feed{Run: every(10*time.Millisecond, 1<<30)}) // 100 a second
		time.Sleep(5500 * time.Millisecond)
		require.InDelta(t, 18, v.Pace(), 1, "below what the consumer takes")
		s := one(t, h.Snapshot())
		require.InDelta(t, 18, s.Queues[0].Pace, 1)
		require.EqualValues(t, 1, s.Adjusted)
		require.Equal(t, 1, lines(&log, `action="set pace"`))
		require.Contains(t, log.String(), "from=0")

		c.perSecond.Store(1000)
		time.Sleep(5 * time.Second)
		require.Zero(t, v.Pace(), "undone once little is queued")
		r := h.Snapshot()
		require.EqualValues(t, 2, r.Adjusted)
		require.Len(t, r.Adjustments, 2)
		a := r.Adjustments[1]
		require.True(t, a.Undo)
		require.Equal(t, health.SetPace, a.Action)
		require.Equal(t, "feed", a.Stream)
		require.Equal(t, one(t, r).ID, a.StreamID)
		require.Zero(t, a.To)
		require.Zero(t, one(t, r).Queues[0].Dropped)
		time.Sleep(20 * time.Second)
		require.EqualValues(t, 2, h.Snapshot().Adjusted, "no need any more")
		end()
	})
}

// A trouble that comes back as soon as the adjustment is undone is given ever
// longer before the next attempt to undo it.
func TestUndoingDoesNotOscillate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var undone []time.Duration
		start := time.Now()
		h := newMonitor(health.Config{Interval: time.Second, Relax: 2, Recent: 1,
			Policies: []health.Policy{health.PolicyFunc(func(s health.Stream) []health.Adjustment {
				if s.Queues[0].Capacity == 20 {
					return nil
				}
				if s.Adjusted > 0 {
					undone = append(undone, time.Since(start).Round(time.Second))
				}
				return []health.Adjustment{{Action: health.SetCapacity, To: 20}}
			})}})
		m := newMediator(t, feeds(h, queue(&valve{}, 10)))
		end := consume(t, m, every(100*time.Millisecond, 1<<30))
		time.Sleep(300 * time.Second)
		require.NoError(t, end())
		s := time.Second
		require.Equal(t, []time.Duration{4 * s, 9 * s, 18 * s, 35 * s, 68 * s, 133 * s, 198 * s, 263 * s}, undone,
			"calm for 2 intervals, 4, 8, 16, 32, 64, and not more than that")
	})
}

func TestCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memory atomic.Uint64
		h := newMonitor(health.Config{Interval: time.Second, Memory: memory.Load, MaxGrowth: 1000,
			Policies: []health.Policy{health.Capacity{Min: 30, Max: 400}}})
		var q atomic.Pointer[mediator.Queue]
		m := newMediator(t, feeds(h, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			q.Store(mediator.NewQueue(mediator.QueueConfig{Capacity: 100}))
			return q.Load().Run(ctx, c, next)
		})))
		c := &consumer{}
		c.perSecond.Store(5)
		end := c.run(t, m, feed{Run: every(5*time.Millisecond, 1<<30)})
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 200, q.Load().Capacity(), "it is full")
		time.Sleep(5 * time.Second)
		require.Equal(t, 400, q.Load().Capacity(), "not beyond Max")
		memory.Store(2000)
		time.Sleep(time.Second)
		require.Equal(t, 200, q.Load().Capacity())
		time.Sleep(10 * time.Second)
		require.Equal(t, 30, q.Load().Capacity(), "not below Min")
		memory.Store(0)
		c.perSecond.Store(1000)
		time.Sleep(15 * time.Second)
		require.Equal(t, 100, q.Load().Capacity(), "as configured, once calm")
		require.Zero(t, one(t, h.Snapshot()).Dropped)
		end()
	})
}

// The memory is the process's: what takes none of it is left alone, and so is the log.
func TestCapacityLeavesIdleQueuesAlone(t *testing.T) {
	s := health.Stream{
		Findings: []health.Finding{{Reason: health.HighMemory, Status: health.Warning}},
		Queues: []health.Queue{
			{Capacity: 800, Depth: 100, Configured: health.Settings{Capacity: 800}},
			{Capacity: 800, Depth: 101, Configured: health.Settings{Capacity: 800}},
			{Capacity: 150, Depth: 150, Configured: health.Settings{Capacity: 800}},
			{Capacity: 100, Depth: 100, Configured: health.Settings{Capacity: 800}},
		},
	}
	got := map[int]float64{}
	for _, a := range (health.Capacity{}).Adjust(s) {
		require.Equal(t, health.SetCapacity, a.Action)
		got[a.Queue] = a.To
	}
	require.Equal(t, map[int]float64{1: 400, 2: 100}, got)
	require.Empty(t, health.Capacity{Min: 1000}.Adjust(s))
}

func TestSampling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Relax: 5, Policies: []health.Policy{health.Sampling{Most: 4}}})
		v := &valve{}
		m := newMediator(t, feeds(h, queue(v, 100)))
		c := &consumer{}
		c.perSecond.Store(10)
		end := c.run(t, m, feed{Run: every(5*time.Millisecond, 1<<30)})
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 2, v.Sample())
		time.Sleep(5 * time.Second)
		require.Equal(t, 4, v.Sample(), "not beyond Most")
		s := one(t, h.Snapshot())
		require.InDelta(t, s.Queues[0].Skipped, s.Skipped, 1, "an item may come while both are read")
		require.Positive(t, s.Skipped)
		c.perSecond.Store(1000)
		time.Sleep(20 * time.Second)
		require.Equal(t, 1, v.Sample())
		end()
	})
}

// retry begins another run when one has failed, up to n times, and goes on where
// the run before was.
func retry(n int) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
		for range n {
			if err = next(ctx, c); !errors.Is(err, health.ErrStalled) {
				return err
			}
		}
		return err
	})
}

type rows struct {
	mediator.Yields[int]
	Pos *int
}

func TestAStalledStreamIsInterruptedAndResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		h := newMonitor(health.Config{Interval: time.Second, Stall: 5 * time.Second, Recovery: 2,
			Policies: []health.Policy{health.Restart{}}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		runs := 0
		m := newMediator(t, mediator.HandleStream(func(ctx context.Context, q rows) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for runs++; *q.Pos < 10; *q.Pos++ {
					if *q.Pos == 4 && runs == 1 {
						<-ctx.Done()
						return
					}
					if !sleep(ctx, time.Second) || !yield(*q.Pos, nil) {
						return
					}
				}
			}
		}, mediator.Use(h, retry(3))))
		start := time.Now()
		var got []int
		for n, err := range mediator.Stream(t.Context(), m, rows{Pos: new(int)}) {
			require.NoError(t, err)
			got = append(got, n)
		}
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, got)
		require.Equal(t, 2, runs)
		require.Less(t, time.Since(start), 17*time.Second, "4s, a stall of 5s, up to 1s for the report, 6s")
		r := h.Snapshot()
		require.Equal(t, []uint64{1, 1}, []uint64{r.Ended[0].Interrupts, r.Ended[0].Adjusted})
		require.Equal(t, health.Healthy, r.Ended[0].Status)
		synctest.Wait()
		require.Equal(t, 1, lines(&log, "action=interrupt"))
	})
}

func TestWithoutARetryAnInterruptEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 5 * time.Second, Policies: []health.Policy{health.Restart{After: 10 * time.Second}}})
		m := newMediator(t, feeds(h))
		start := time.Now()
		var last error
		for _, err := range mediator.Stream(t.Context(), m, feed{Run: silent(1)}) {
			last = err
		}
		require.ErrorIs(t, last, health.ErrStalled)
		require.InDelta(t, 10.5, time.Since(start).Seconds(), 1, "After, not Stall")
		require.Equal(t, health.Failed, h.Snapshot().Ended[0].Status)
	})
}

// A handler that goes on hanging is interrupted at ever longer distances, until the
// retry has had enough.
func TestInterruptsKeepTheirDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 5 * time.Second, Policies: []health.Policy{health.Restart{}}})
		m := newMediator(t, feeds(h, retry(10)))
		start := time.Now()
		for range mediator.Stream(t.Context(), m, feed{Run: silent(0)}) {
		}
		require.InDelta(t, 5*(1+1+2+4+8+16+32+32+32+32), time.Since(start).Seconds(), 11)
		require.EqualValues(t, 10, h.Snapshot().Ended[0].Interrupts)
	})
}

func TestAnItemMakesInterruptsFrequentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 5 * time.Second, Policies: []health.Policy{health.Restart{}}})
		m := newMediator(t, feeds(h, retry(10)))
		start := time.Now()
		for range mediator.Stream(t.Context(), m, feed{Run: silent(1)}) {
		}
		require.InDelta(t, 5*10, time.Since(start).Seconds(), 11)
	})
}

func TestAConsumerThatTakesNothingIsNoReasonToRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 2 * time.Second, Policies: []health.Policy{health.Restart{}}})
		m := newMediator(t, feeds(h, queue(&valve{}, 10)))
		for _, err := range mediator.Stream(t.Context(), m, feed{Run: every(100*time.Millisecond, 20)}) {
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
			if len(h.Snapshot().Streams) > 0 && h.Snapshot().Streams[0].Items == 3 {
				require.True(t, one(t, h.Snapshot()).Has(health.Stalled))
				require.Positive(t, one(t, h.Snapshot()).Depth)
				break
			}
		}
		require.Zero(t, h.Snapshot().Ended[0].Interrupts)
	})
}

func TestByDefaultNothingIsLostOrEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMonitor(health.Config{Interval: time.Second, Stall: 2 * time.Second, MaxGrowth: 1})
		v := &valve{}
		m := newMediator(t, feeds(h, queue(v, 10)))
		c := &consumer{}
		c.perSecond.Store(1)
		end := c.run(t, m, feed{Run: every(time.Millisecond, 1<<30)})
		time.Sleep(time.Minute)
		s := one(t, h.Snapshot())
		require.Equal(t, 10, s.Queues[0].Capacity)
		require.Zero(t, s.Skipped+s.Dropped+s.Interrupts)
		end()
	})
}

func TestPoliciesThatMisbehave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		var asked atomic.Int64
		q := mediator.NewQueue(mediator.QueueConfig{Capacity: 10, Owner: rude{}})
		nonsense := []health.Adjustment{
			{}, {Action: 99}, {Action: health.SetCapacity, Queue: 7, To: 5}, {Action: health.SetCapacity, Queue: -1, To: 5},
			{Action: health.SetCapacity, To: 0}, {Action: health.SetCapacity, To: -5}, {Action: health.SetCapacity, To: 10},
			{Action: health.SetSample, To: 3}, // its owner cannot
		}
		h := newMonitor(health.Config{Interval: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)), Policies: []health.Policy{
			health.PolicyFunc(func(health.Stream) []health.Adjustment { panic("rude") }),
			health.PolicyFunc(func(s health.Stream) []health.Adjustment { asked.Add(1); return nonsense }),
			health.PolicyFunc(func(s health.Stream) []health.Adjustment {
				return []health.Adjustment{{Action: health.SetPace, To: 5}}
			}),
		}})
		m := newMediator(t, feeds(h, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			return q.Run(ctx, c, next)
		})))
		end := consume(t, m, every(100*time.Millisecond, 1<<30))
		time.Sleep(3500 * time.Millisecond)
		r := h.Snapshot()
		require.EqualValues(t, 3, asked.Load())
		require.Zero(t, r.Adjusted)
		require.GreaterOrEqual(t, r.Panics, uint64(6), "a policy's and an owner's, three times")
		require.Positive(t, lines(&log, "a policy panicked: rude"))
		require.InDelta(t, 34, one(t, r).Items, 1, "the stream does not mind")
		require.NoError(t, end())
	})
}

// rude is an owner that panics.
type rude struct{}

func (rude) SetPace(float64) { panic("rude") }
func (rude) Pace() float64   { panic("rude") }
