package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
)

type numbers struct {
	mediator.Yields[int]
	N int
}

func yieldNumbers(_ context.Context, q numbers) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range q.N {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func newStream[Q mediator.StreamRequest[T], T any](t testing.TB, h func(context.Context, Q) iter.Seq2[T, error], bs ...mediator.Behavior) *mediator.Mediator {
	m, err := mediator.New(mediator.HandleStream(h, mediator.Use(bs...)))
	require.NoError(t, err)
	return m
}

// keep is a behavior with a queue, which it hands to the test.
func keep(into **mediator.Queue, c mediator.QueueConfig) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, call mediator.Call, next mediator.Next) error {
		*into = mediator.NewQueue(c)
		return (*into).Run(ctx, call, next)
	})
}

func requireSum(t testing.TB, c mediator.QueueCounts) {
	t.Helper()
	require.Equal(t, c.Produced, c.Delivered+c.Dropped+c.Skipped+c.Abandoned+uint64(c.Queued), "%+v", c)
}

func TestQueueKeepsOrderAndDeliversAll(t *testing.T) {
	for _, capacity := range []int{1, 2, 3, 7, 64, 1000} {
		var q *mediator.Queue
		m := newStream(t, yieldNumbers, keep(&q, mediator.QueueConfig{Capacity: capacity}))
		want := 0
		for i, err := range mediator.Stream(t.Context(), m, numbers{N: 5000}) {
			require.NoError(t, err)
			require.Equal(t, want, i)
			want++
			c := q.Counts()
			requireSum(t, c)
			require.LessOrEqual(t, c.Queued, capacity)
			require.EqualValues(t, want, c.Delivered)
		}
		require.Equal(t, 5000, want)
		require.Equal(t, mediator.QueueCounts{Produced: 5000, Delivered: 5000}, q.Counts())
	}
}

func TestQueueRunsTheProducerAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q *mediator.Queue
		var produced atomic.Int64
		m := newStream(t, func(_ context.Context, q numbers) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := range q.N {
					produced.Add(1)
					if !yield(i, nil) {
						return
					}
				}
			}
		}, keep(&q, mediator.QueueConfig{Capacity: 4}))
		n := int64(0)
		for range mediator.Stream(t.Context(), m, numbers{N: 20}) {
			n++
			synctest.Wait()
			require.Equal(t, min(20, n+5), produced.Load(), "one in hand, four queued, one that waits")
			require.Equal(t, min(4, 20-int(n)), q.Depth())
		}
	})
}

func TestQueueGivesAnItemWhileTheProducerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newStream(t, func(_ context.Context, q numbers) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				yield(1, nil)
				time.Sleep(time.Hour)
			}
		}, queued(mediator.QueueConfig{Capacity: 1024}))
		began := time.Now()
		for range mediator.Stream(t.Context(), m, numbers{}) {
			require.Zero(t, time.Since(began))
		}
		require.Equal(t, time.Hour, time.Since(began))
	})
}

func TestQueueVerdicts(t *testing.T) {
	for name, test := range map[string]struct {
		admit func(*mediator.Queue) mediator.Verdict
		want  []int
		lost  mediator.QueueCounts
	}{
		"drop": {func(q *mediator.Queue) mediator.Verdict {
			if q.Reaches(4) {
				return mediator.Drop
			}
			return mediator.Enqueue
		}, []int{0, 1, 2, 3, 4}, mediator.QueueCounts{Dropped: 15}},
		"skip": {func(q *mediator.Queue) mediator.Verdict {
			if q.Reaches(4) {
				return mediator.Skip
			}
			return mediator.Enqueue
		}, []int{0, 1, 2, 3, 4}, mediator.QueueCounts{Skipped: 15}},
		"evict":     {func(*mediator.Queue) mediator.Verdict { return mediator.Evict }, []int{0, 16, 17, 18, 19}, mediator.QueueCounts{Dropped: 15}},
		"evict one": {func(*mediator.Queue) mediator.Verdict { return mediator.EvictOne }, []int{0, 19}, mediator.QueueCounts{Dropped: 18}},
		"replace":   {func(*mediator.Queue) mediator.Verdict { return mediator.Replace }, []int{0, 19}, mediator.QueueCounts{Dropped: 18}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var q *mediator.Queue
				m := newStream(t, func(_ context.Context, q numbers) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						for i := range q.N {
							if !yield(i, nil) {
								return
							}
							if i == 0 {
								time.Sleep(time.Second) // the consumer takes the first
							}
						}
					}
				}, keep(&q, mediator.QueueConfig{Capacity: 4, Admit: test.admit, Evicts: true}))
				var got []int
				for i := range mediator.Stream(t.Context(), m, numbers{N: 20}) {
					got = append(got, i)
					if i == 0 {
						time.Sleep(2 * time.Second)
						synctest.Wait()
						requireSum(t, q.Counts())
						require.EqualValues(t, 20, q.Counts().Produced)
					}
				}
				require.Equal(t, test.want, got)
				test.lost.Produced, test.lost.Delivered = 20, uint64(len(test.want))
				require.Equal(t, test.lost, q.Counts())
			})
		})
	}
}

func TestQueueFail(t *testing.T) {
	full := errors.New("full")
	var q *mediator.Queue
	m := newStream(t, yieldNumbers, keep(&q, mediator.QueueConfig{Capacity: 4, Admit: func(q *mediator.Queue) mediator.Verdict {
		if q.Counts().Produced == 10 {
			return q.Fail(full)
		}
		return mediator.Enqueue
	}}))
	var got []int
	var end error
	for i, err := range mediator.Stream(t.Context(), m, numbers{N: 20}) {
		if err != nil {
			require.NoError(t, end)
			end = err
			continue
		}
		got = append(got, i)
	}
	require.ErrorIs(t, end, full)
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, got)
	require.Equal(t, mediator.QueueCounts{Produced: 11, Delivered: 10, Dropped: 1}, q.Counts())
}

func TestQueueFailWithoutAnErrorPanics(t *testing.T) {
	m := newStream(t, yieldNumbers, queued(mediator.QueueConfig{Capacity: 4, Admit: func(q *mediator.Queue) mediator.Verdict { return q.Fail(nil) }}))
	require.PanicsWithError(t, "panic: mediator: Fail of a Queue without an error: the stream would look complete; to leave an item out there is Drop", func() {
		for range mediator.Stream(t.Context(), m, numbers{N: 3}) {
			t.Error("an item")
		}
	})
}

func TestQueueNamesABadVerdict(t *testing.T) {
	for want, verdict := range map[string]mediator.Verdict{
		"panic: mediator: Admit of a Queue returned a Verdict that is none: 77":                 77,
		"panic: mediator: Admit of a Queue returned a Verdict that needs QueueConfig.Evicts: 3": mediator.Evict,
	} {
		m := newStream(t, yieldNumbers, queued(mediator.QueueConfig{Capacity: 4, Admit: func(*mediator.Queue) mediator.Verdict { return verdict }}))
		require.PanicsWithError(t, want, func() {
			for range mediator.Stream(t.Context(), m, numbers{N: 3}) {
				t.Error("an item")
			}
		})
	}
}

// Where both sides are too fast for one moment to be seen, the counts are still such
// as could be: between those of two moments, and never more queued than there is room.
func TestQueueCountsOfNoSingleMoment(t *testing.T) {
	for _, c := range []mediator.QueueConfig{
		{Capacity: 3},
		{Capacity: 1000},
		{Capacity: 3, Evicts: true, Admit: func(*mediator.Queue) mediator.Verdict { return mediator.Evict }},
	} {
		var q *mediator.Queue
		var yielded, passed, received atomic.Uint64 // passed: yielded, and yield has returned
		m := newStream(t, func(_ context.Context, q numbers) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := range q.N {
					yielded.Add(1)
					if !yield(i, nil) {
						return
					}
					passed.Add(1)
				}
			}
		}, keep(&q, c))
		done := make(chan struct{})
		for range mediator.Stream(t.Context(), m, numbers{N: 100_000}) {
			if received.Add(1) > 1 {
				continue
			}
			go func() {
				defer close(done)
				var before mediator.QueueCounts
				for passed.Load() < 100_000 {
					least, leastDelivered := passed.Load(), received.Load()
					now := q.CountsAtOnce()
					most, mostDelivered := yielded.Load(), received.Load()+1
					if now.Queued < 0 || now.Queued > c.Capacity || now.Produced < least || now.Produced > most ||
						now.Delivered < leastDelivered || now.Delivered > mostDelivered || now.Dropped < before.Dropped || now.Dropped > most {
						t.Errorf("%+v after %+v: %d to %d produced, %d to %d delivered", now, before, least, most, leastDelivered, mostDelivered)
						return
					}
					before = now
				}
			}()
		}
		<-done
	}
}

func TestQueueErrorComesAfterTheItems(t *testing.T) {
	broken := errors.New("broken")
	m := newStream(t, func(_ context.Context, q numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range q.N {
				yield(i, nil)
			}
			yield(0, broken)
		}
	}, queued(mediator.QueueConfig{Capacity: 100}))
	n, ends := 0, 0
	for _, err := range mediator.Stream(t.Context(), m, numbers{N: 50}) {
		if err != nil {
			require.ErrorIs(t, err, broken)
			ends++
			continue
		}
		require.Zero(t, ends)
		n++
	}
	require.Equal(t, 50, n)
	require.Equal(t, 1, ends)
}

func TestQueueEarlyStop(t *testing.T) {
	for _, evicts := range []bool{false, true} {
		var q *mediator.Queue
		ended := make(chan error, 1)
		m := newStream(t, func(ctx context.Context, _ numbers) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				defer func() { ended <- ctx.Err() }()
				for i := 0; yield(i, nil); i++ {
				}
			}
		}, keep(&q, mediator.QueueConfig{Capacity: 8, Evicts: evicts}))
		for i := range mediator.Stream(t.Context(), m, numbers{}) {
			if i == 100 {
				require.Eventually(t, func() bool { return q.Depth() == 8 }, 10*time.Second, time.Millisecond)
				break
			}
		}
		require.ErrorIs(t, <-ended, context.Canceled)
		c := q.Counts()
		requireSum(t, c)
		require.EqualValues(t, 101, c.Delivered)
		require.Zero(t, c.Queued)
		require.GreaterOrEqual(t, c.Abandoned, uint64(8))
	}
}

func TestQueueStopsAHandlerThatBlocks(t *testing.T) {
	m := newStream(t, func(ctx context.Context, _ numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			yield(1, nil)
			<-ctx.Done()
		}
	}, queued(mediator.QueueConfig{Capacity: 8}))
	for range mediator.Stream(t.Context(), m, numbers{}) {
		break
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("enough")
	var end error
	for _, err := range mediator.Stream(ctx, m, numbers{}) {
		end = err
		cancel(why)
	}
	require.ErrorIs(t, end, context.Canceled)
	require.ErrorIs(t, end, why)
}

func TestQueuePanics(t *testing.T) {
	boom := func(ctx context.Context, q numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			yield(1, nil)
			yield(2, nil)
			if q.N == 0 {
				panic("boom")
			}
			runtime.Goexit()
		}
	}
	m := newStream(t, boom, queued(mediator.QueueConfig{Capacity: 8}))
	var got []int
	func() {
		defer func() {
			var p *mediator.PanicError
			require.ErrorAs(t, recover().(error), &p)
			require.Equal(t, "boom", p.Value)
		}()
		for i := range mediator.Stream(t.Context(), m, numbers{}) {
			got = append(got, i)
		}
	}()
	require.Equal(t, []int{1, 2}, got)
	var end error
	for _, err := range mediator.Stream(t.Context(), m, numbers{N: 1}) {
		end = err
	}
	require.ErrorIs(t, end, mediator.ErrGoexit)

	m = newStream(t, yieldNumbers, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		defer func() { _ = recover() }()
		return next(ctx, c)
	}), queued(mediator.QueueConfig{Capacity: 8}))
	require.PanicsWithValue(t, "consumer", func() {
		for range mediator.Stream(t.Context(), m, numbers{N: 100}) {
			panic("consumer")
		}
	})

	m = newStream(t, yieldNumbers, queued(mediator.QueueConfig{Capacity: 8, Admit: func(*mediator.Queue) mediator.Verdict { panic("admit") }}))
	func() {
		defer func() {
			var p *mediator.PanicError
			require.ErrorAs(t, recover().(error), &p)
			require.Equal(t, "admit", p.Value)
		}()
		for range mediator.Stream(t.Context(), m, numbers{N: 3}) {
			t.Error("an item")
		}
	}()
}

func TestQueueGoexitOfTheConsumer(t *testing.T) {
	m := newStream(t, yieldNumbers, queued(mediator.QueueConfig{Capacity: 8}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range mediator.Stream(context.Background(), m, numbers{N: 100}) {
			runtime.Goexit()
		}
	}()
	<-done
}

func TestQueuesNest(t *testing.T) {
	var outer, inner *mediator.Queue
	var seen []string
	tap := func(name string) mediator.Behavior {
		return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			n := 0
			err := next(ctx, c.OnItem(func() { n++ }))
			seen = append(seen, fmt.Sprint(name, n))
			return err
		})
	}
	m := newStream(t, yieldNumbers,
		tap("a"), keep(&outer, mediator.QueueConfig{Capacity: 2}), tap("b"), keep(&inner, mediator.QueueConfig{Capacity: 3}), tap("c"))
	n := 0
	for i := range mediator.Stream(t.Context(), m, numbers{N: 1000}) {
		require.Equal(t, n, i)
		n++
	}
	require.Equal(t, []string{"c1000", "b1000", "a1000"}, seen)
	require.EqualValues(t, 1000, outer.Counts().Delivered)
	require.EqualValues(t, 1000, inner.Counts().Delivered)
	for range mediator.Stream(t.Context(), m, numbers{N: 1000}) {
		break
	}
	require.EqualValues(t, 1, outer.Counts().Delivered)
	requireSum(t, inner.Counts())
}

func TestQueuesOfACall(t *testing.T) {
	var outer, inner *mediator.Queue
	var call mediator.Call
	m := newStream(t, yieldNumbers, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		call = c
		require.Empty(t, c.Queues())
		err := next(ctx, c)
		require.Empty(t, c.Queues())
		return err
	}), keep(&outer, mediator.QueueConfig{Capacity: 2, Owner: "me"}), keep(&inner, mediator.QueueConfig{Capacity: 3}))
	for range mediator.Stream(t.Context(), m, numbers{N: 10}) {
		all := call.Queues()
		require.Len(t, all, 2)
		require.Same(t, outer, all[0])
		require.Same(t, inner, all[1])
		require.Equal(t, "me", all[0].Owner())
		break
	}
	require.Nil(t, call.Queues())
	require.Nil(t, mediator.Call{}.Queues())
}

// A retry makes new queues: those of the runs before count, too.
func TestQueueCountsOfACall(t *testing.T) {
	down := errors.New("down")
	runs := uint64(0)
	var call mediator.Call
	var after []mediator.QueueCounts
	m := newStream(t, func(context.Context, numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			runs++
			for i := range 10 {
				yield(i, nil)
			}
			if runs < 3 {
				yield(0, down)
			}
		}
	}, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
		call = c
		require.Zero(t, c.QueueCounts())
		for err = down; errors.Is(err, down); after = append(after, c.QueueCounts()) {
			err = next(ctx, c)
		}
		return err
	}), queued(mediator.QueueConfig{Capacity: 1}), mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		n := 0
		return mediator.NewQueue(mediator.QueueConfig{Capacity: 1, Admit: func(*mediator.Queue) mediator.Verdict {
			if n++; n > 7 {
				return mediator.Drop
			}
			return mediator.Enqueue
		}}).Run(ctx, c, next)
	}))
	n := uint64(0)
	for _, err := range mediator.Stream(t.Context(), m, numbers{}) {
		require.NoError(t, err)
		n++
		now := call.QueueCounts()
		requireSum(t, now)
		require.GreaterOrEqual(t, now.Delivered, n, "the consumer's, and those that the outer queue got")
	}
	require.EqualValues(t, 21, n)
	for i, c := range after {
		runs := uint64(i + 1)
		require.Equal(t, mediator.QueueCounts{Produced: 17 * runs, Delivered: 14 * runs, Dropped: 3 * runs}, c)
	}
	require.Len(t, after, 3)
	require.Zero(t, call.QueueCounts())
	require.Zero(t, mediator.Call{}.QueueCounts())
}

func TestQueueIsForOneRunOfAStream(t *testing.T) {
	q := mediator.NewQueue(mediator.QueueConfig{Capacity: 1})
	b := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { return q.Run(ctx, c, next) })
	m, err := mediator.New(mediator.Use(b), mediator.HandleStream(yieldNumbers), mediator.Subscribe(func(context.Context, string) error { return nil }))
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, "x"))
	for _, err := range mediator.Stream(t.Context(), m, numbers{N: 1}) {
		require.NoError(t, err)
	}
	var end error
	for _, err := range mediator.Stream(t.Context(), m, numbers{N: 1}) {
		end = err
	}
	require.ErrorContains(t, end, "serves one run")
	q = &mediator.Queue{}
	for _, err := range mediator.Stream(t.Context(), m, numbers{N: 1}) {
		end = err
	}
	require.ErrorContains(t, end, "make one by NewQueue")
	require.PanicsWithValue(t, "mediator: NewQueue: Capacity is 0: a queue holds at least 1 item", func() { mediator.NewQueue(mediator.QueueConfig{}) })
}

func TestQueueSetCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q *mediator.Queue
		m := newStream(t, yieldNumbers, keep(&q, mediator.QueueConfig{Capacity: 2}))
		for i := range mediator.Stream(t.Context(), m, numbers{N: 200}) {
			synctest.Wait()
			switch i {
			case 0:
				require.Equal(t, 2, q.Depth())
				q.SetCapacity(50)
			case 1:
				require.Equal(t, 50, q.Depth())
				require.Equal(t, 50, q.Capacity())
				q.SetCapacity(0)
				require.Equal(t, 1, q.Capacity())
			case 30:
				require.Equal(t, 21, q.Depth(), "what is queued stays")
			case 100:
				require.Equal(t, 1, q.Depth())
			}
		}
	})
}

// Whoever wants no bound writes the greatest number there is.
func TestQueueOfAnyCapacity(t *testing.T) {
	var q *mediator.Queue
	m := newStream(t, yieldNumbers, keep(&q, mediator.QueueConfig{Capacity: math.MaxInt}))
	n := 0
	for i, err := range mediator.Stream(t.Context(), m, numbers{N: 500}) {
		require.NoError(t, err)
		require.Equal(t, n, i)
		n++
		q.SetCapacity(math.MaxInt)
	}
	require.Equal(t, 500, n)
	require.Equal(t, math.MaxInt32, q.Capacity())
	requireSum(t, q.Counts())
}

func TestQueuePauseAndAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		var q *mediator.Queue
		m := newStream(t, yieldNumbers, keep(&q, mediator.QueueConfig{Capacity: 10, Admit: func(q *mediator.Queue) mediator.Verdict {
			if n++; n%2 == 0 {
				require.True(t, q.Pause(time.Second))
			}
			require.True(t, q.Reaches(-1))
			if n == 1 {
				require.True(t, q.Await(-1))
			}
			if q.Reaches(6) {
				require.True(t, q.Await(2))
				require.LessOrEqual(t, q.Depth(), 2)
			}
			return mediator.Enqueue
		}}))
		began := time.Now()
		for range mediator.Stream(t.Context(), m, numbers{N: 40}) {
			time.Sleep(3 * time.Second)
		}
		require.Equal(t, 120*time.Second, time.Since(began))
	})
}

func TestQueueEndsAPauseAndAWait(t *testing.T) {
	for name, wait := range map[string]func(*mediator.Queue) bool{
		"pause": func(q *mediator.Queue) bool { return q.Pause(time.Hour) },
		"await": func(q *mediator.Queue) bool { return q.Await(0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ok := true
				m := newStream(t, yieldNumbers, queued(mediator.QueueConfig{Capacity: 10, Admit: func(q *mediator.Queue) mediator.Verdict {
					if q.Depth() == 3 {
						ok = wait(q)
					}
					return mediator.Enqueue
				}}))
				for range mediator.Stream(t.Context(), m, numbers{N: 40}) {
					synctest.Wait()
					break
				}
				require.Zero(t, time.Since(began))
				require.False(t, ok)
			})
		})
	}
}

func TestQueueWithRetryOnEitherSide(t *testing.T) {
	down := errors.New("down")
	runs := 0
	h := func(context.Context, numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			runs++
			yield(runs, nil)
			if runs%3 != 0 {
				yield(0, down)
			}
		}
	}
	again := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		for {
			if err := next(ctx, c); !errors.Is(err, down) {
				return err
			}
		}
	})
	for name, bs := range map[string][]mediator.Behavior{
		"outside": {again, queued(mediator.QueueConfig{Capacity: 4})},
		"inside":  {queued(mediator.QueueConfig{Capacity: 4}), again},
		"both":    {again, queued(mediator.QueueConfig{Capacity: 4}), again, queued(mediator.QueueConfig{Capacity: 1, Evicts: true})},
	} {
		t.Run(name, func(t *testing.T) {
			runs = 0
			var got []int
			for i, err := range mediator.Stream(t.Context(), newStream(t, h, bs...), numbers{}) {
				require.NoError(t, err)
				got = append(got, i)
			}
			require.Equal(t, []int{1, 2, 3}, got)
		})
	}
}

func TestStoppedInsideOfAQueue(t *testing.T) {
	stopped := make(chan bool, 1)
	m := newStream(t, yieldNumbers, queued(mediator.QueueConfig{Capacity: 1}), mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		err := next(ctx, c)
		stopped <- c.Stopped()
		return err
	}))
	for range mediator.Stream(t.Context(), m, numbers{N: 100}) {
		break
	}
	require.True(t, <-stopped)
	for range mediator.Stream(t.Context(), m, numbers{N: 100}) {
	}
	require.False(t, <-stopped)
}

// A home-made timeout gives up on everything inside of it, the queue included.
func TestQueueThatIsAbandoned(t *testing.T) {
	for name, place := range map[string]int{"outside": 0, "inside": 1} {
		t.Run(name, func(t *testing.T) {
			entered := make(chan struct{})
			over := make(chan error, 1)
			giveUp := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				go func() { over <- next(ctx, c) }()
				<-entered
				return errors.New("given up")
			})
			bs := []mediator.Behavior{queued(mediator.QueueConfig{Capacity: 2}), queued(mediator.QueueConfig{Capacity: 2})}
			bs[place] = giveUp
			m := newStream(t, func(ctx context.Context, _ numbers) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					yield(1, nil)
					close(entered)
					<-ctx.Done()
				}
			}, bs...)
			var end error
			for _, err := range mediator.Stream(t.Context(), m, numbers{}) {
				end = err
			}
			require.ErrorContains(t, end, "given up")
			require.ErrorIs(t, <-over, mediator.ErrCallOver)
		})
	}
}

// What a behavior counts is its own once next has returned, also if a behavior inside
// of it has given up on a queue that still had items for the consumer.
func TestQueueThatIsAbandonedDeliversNoMore(t *testing.T) {
	for _, ended := range []bool{false, true} {
		t.Run(fmt.Sprintf("the handler has ended: %v", ended), func(t *testing.T) {
			enough, over, produced := make(chan struct{}), make(chan error, 1), make(chan struct{})
			counted, atReturn := 0, 0
			count := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				defer func() { atReturn = counted }()
				return next(ctx, c.OnItem(func() { counted++ }))
			})
			giveUp := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				go func() { over <- next(ctx, c) }()
				<-enough
				return errors.New("given up")
			})
			m := newStream(t, func(ctx context.Context, _ numbers) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for i := range 100 {
						if !yield(i, nil) {
							return
						}
					}
					if ended {
						close(produced)
						return
					}
					<-ctx.Done()
				}
			}, count, giveUp, queued(mediator.QueueConfig{Capacity: 1000}))
			got := 0
			var end error
			for _, err := range mediator.Stream(t.Context(), m, numbers{}) {
				if err != nil {
					end = err
					continue
				}
				if got++; got == 3 {
					if ended {
						<-produced
					}
					close(enough)
				}
				for range 1000 {
					runtime.Gosched()
				}
			}
			require.ErrorContains(t, end, "given up")
			require.ErrorIs(t, <-over, mediator.ErrCallOver)
			require.Equal(t, got, atReturn)
			require.Equal(t, got, counted)
		})
	}
}

func TestInterrupt(t *testing.T) {
	stalled := errors.New("stalled")
	var call mediator.Call
	runs := 0
	h := func(ctx context.Context, _ numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			runs++
			yield(runs, nil)
			if runs < 3 {
				<-ctx.Done()
				yield(0, ctx.Err())
			}
		}
	}
	var ends []error
	around := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		call = c
		require.False(t, c.Interrupt(stalled), "nothing runs yet")
		for {
			err := next(ctx, c)
			if err == nil {
				return nil
			}
			ends = append(ends, err)
		}
	})
	for _, bs := range [][]mediator.Behavior{{around}, {around, queued(mediator.QueueConfig{Capacity: 1})}, {queued(mediator.QueueConfig{Capacity: 1}), around}} {
		runs, ends = 0, nil
		var got []int
		for i, err := range mediator.Stream(t.Context(), newStream(t, h, bs...), numbers{}) {
			require.NoError(t, err)
			got = append(got, i)
			if i < 3 {
				require.True(t, call.Interrupt(stalled))
				require.False(t, call.Interrupt(errors.New("twice")))
			}
		}
		require.Equal(t, []int{1, 2, 3}, got)
		require.Equal(t, []error{stalled, stalled}, ends)
		require.False(t, call.Interrupt(stalled))
	}
	require.False(t, mediator.Call{}.Interrupt(stalled))
}

func TestInterruptKeepsTheHandlersError(t *testing.T) {
	stalled, closing := errors.New("stalled"), errors.New("close: broken pipe")
	var call mediator.Call
	m := newStream(t, func(ctx context.Context, q numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			yield(1, nil)
			<-ctx.Done()
			if q.N == 1 {
				yield(0, closing)
			}
		}
	}, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		call = c
		return next(ctx, c)
	}))
	for n := range 2 {
		var end error
		for _, err := range mediator.Stream(t.Context(), m, numbers{N: n}) {
			if err == nil {
				call.Interrupt(stalled)
			}
			end = err
		}
		require.ErrorIs(t, end, stalled)
		require.NotErrorIs(t, end, context.Canceled)
		require.Equal(t, n == 1, errors.Is(end, closing))
	}
}
