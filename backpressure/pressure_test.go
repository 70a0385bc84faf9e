package backpressure_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
)

// TestPressureEndsWithTheRun has a hook that is told of an end although no item comes.
func TestPressureEndsWithTheRun(t *testing.T) {
	eachStrategy(t, func(t *testing.T, c backpressure.Config) {
		var told []bool
		c.OnPressure = func(e backpressure.Event) {
			told = append(told, e.Pressure)
			require.Equal(t, e.Pressure, e.Run.Pressure())
		}
		m, k := bounded(t, c, burst)
		_, err := slowly(t, m, 7)
		if c.Strategy != backpressure.Fail {
			require.NoError(t, err)
		}
		require.Len(t, told, 2*int(k.Snapshot().Pressures))
		for i, pressure := range told {
			require.Equal(t, i%2 == 0, pressure)
		}
		require.NotEmpty(t, told)
	})
}

// TestPressureClears looks at a run from outside: no item comes that could tell the
// boundary that its queue has been emptied.
func TestPressureClears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := bounded(t, backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 4, High: 1, Low: 0.5},
			func(ctx context.Context, q count) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					burst(ctx, q)(yield)
					time.Sleep(time.Hour)
				}
			})
		i := 0
		for _, err := range mediator.Stream(t.Context(), m, count{N: 9}) {
			require.NoError(t, err)
			time.Sleep(time.Second)
			r := k.Snapshot().Runs[0]
			require.Equal(t, i < 2, r.Pressure, "after %d items, with %d queued", i, r.Queued)
			i++
		}
		require.Equal(t, 5, i)
	})
}

func TestHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		m, k := bounded(t, backpressure.Config{Capacity: 2, OnPressure: func(backpressure.Event) { panic(broken) }}, burst)
		got, err := slowly(t, m, 5)
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 2, 3, 4}, got)
		s := k.Snapshot()
		require.Equal(t, 2*s.Pressures, s.HookPanics)
		require.ErrorIs(t, s.HookPanic, broken)
		var p *mediator.PanicError
		require.ErrorAs(t, s.HookPanic, &p)
		require.Contains(t, string(p.Stack), "TestHookPanics")
	})
}

// TestHookExits has a hook that ends the goroutine it is called on: the consumer's,
// for the pressure ends with the run.
func TestHookExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := bounded(t, backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 2, OnPressure: func(e backpressure.Event) {
			if !e.Pressure {
				runtime.Goexit()
			}
		}}, burst)
		var consumer sync.WaitGroup
		consumer.Go(func() {
			for _, err := range mediator.Stream(t.Context(), m, count{N: 10}) {
				require.NoError(t, err)
				time.Sleep(time.Second)
			}
			t.Error("the goroutine goes on")
		})
		consumer.Wait()
		s := k.Snapshot()
		requireExact(t, s)
		require.Empty(t, s.Runs)
		require.EqualValues(t, 1, s.Pressures)
		require.EqualValues(t, 10, s.Produced)
	})
}

// TestHookMayLook has a hook that uses the Control that calls it.
func TestHookMayLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k *backpressure.Control
		var s backpressure.Snapshot
		m, k := bounded(t, backpressure.Config{Capacity: 2, OnPressure: func(e backpressure.Event) {
			s = k.Snapshot()
			e.Run.SetPace(0)
		}}, burst)
		_, err := slowly(t, m, 5)
		require.NoError(t, err)
		requireExact(t, s)
		require.NoError(t, s.HookPanic)
		require.EqualValues(t, 1, s.Started)
	})
}

// trigger asks for pressure from item 3 to 5.
func trigger(seen *[]backpressure.State) func(backpressure.State) bool {
	return func(s backpressure.State) bool {
		*seen = append(*seen, s)
		return len(*seen) > 3 && len(*seen) <= 6
	}
}

func TestTrigger(t *testing.T) {
	for strategy, want := range map[backpressure.Strategy][]int{
		backpressure.Buffer:     {0, 1, 2, 3, 4, 5, 6, 7, 8},
		backpressure.DropNewest: {0, 1, 2, 6, 7, 8},
		backpressure.DropOldest: {0, 4, 5, 6, 7, 8}, // 3 to 5 take the places of 1 to 3
		backpressure.Latest:     {0, 8},
		backpressure.Fail:       {0, 1, 2},
		backpressure.Sample:     {0, 1, 2, 3, 5, 6, 7, 8},
		backpressure.Throttle:   {0, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen []backpressure.State
				m, k := bounded(t, backpressure.Config{Strategy: strategy, Capacity: 10, Trigger: trigger(&seen)}, burst)
				got, err := slowly(t, m, 9)
				require.Equal(t, want, got)
				if strategy == backpressure.Fail {
					require.ErrorIs(t, err, backpressure.ErrOverflow)
					return
				}
				require.NoError(t, err)
				requireExact(t, k.Snapshot())
				require.Len(t, seen, 9)
				capacity := 10
				if strategy == backpressure.Latest {
					capacity = 1
				}
				for i, s := range seen {
					require.Equal(t, capacity, s.Capacity)
					require.Equal(t, i > 3 && i <= 6, s.Pressure, "at item %d", i)
				}
				require.Equal(t, backpressure.State{Depth: 0, Capacity: capacity}, seen[1])
			})
		})
	}
}

// TestFullWithoutPressure has a trigger that never sees any.
func TestFullWithoutPressure(t *testing.T) {
	for strategy, want := range map[backpressure.Strategy][]int{
		backpressure.Block:      {0, 1, 2, 3, 4, 5, 6, 7, 8},
		backpressure.DropNewest: {0, 1, 2, 3, 4},
		backpressure.DropOldest: {0, 5, 6, 7, 8},
		backpressure.Fail:       {0, 1, 2, 3, 4},
		backpressure.Sample:     {0, 1, 2, 3, 4, 5, 6, 7, 8},
		backpressure.Throttle:   {0, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, k := bounded(t, backpressure.Config{Strategy: strategy, Capacity: 4, Trigger: func(backpressure.State) bool { return false }}, burst)
				got, err := slowly(t, m, 9)
				require.Equal(t, want, got)
				require.Equal(t, strategy == backpressure.Fail, errors.Is(err, backpressure.ErrOverflow))
				require.Zero(t, k.Snapshot().Pressures)
			})
		})
	}
}

// TestBlockWithTrigger waits until the trigger has enough.
func TestBlockWithTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := backpressure.Config{Strategy: backpressure.Block, Trigger: func(backpressure.State) bool {
			since := time.Since(start)
			return since >= time.Second && since < 10*time.Second
		}}
		m, k := bounded(t, c, func(_ context.Context, q count) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := 0; i < q.N && yield(i, nil); i++ {
					time.Sleep(time.Second)
				}
			}
		})
		var at []int
		for _, err := range mediator.Stream(t.Context(), m, count{N: 4}) {
			require.NoError(t, err)
			at = append(at, int(time.Since(start).Round(time.Second)/time.Second))
		}
		require.Equal(t, []int{0, 10, 11, 12}, at)
		require.EqualValues(t, 1, k.Snapshot().Pressures)
	})
}

// TestBlockGivesUp leaves a producer that waits for a trigger for ever.
func TestBlockGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := backpressure.Config{Strategy: backpressure.Block, Trigger: func(s backpressure.State) bool { return s.Depth > 0 }}
		m, k := bounded(t, c, burst)
		for range mediator.Stream(t.Context(), m, count{N: 9}) {
			time.Sleep(time.Minute)
			break
		}
		s := k.Snapshot()
		requireExact(t, s)
		require.Equal(t, backpressure.Counts{Produced: 3, Delivered: 1, Abandoned: 2}, s.Counts)
	})
}

// TestTriggerPanics is a panic of the handler's.
func TestTriggerPanics(t *testing.T) {
	broken := errors.New("broken")
	panics := func(s backpressure.State) bool {
		if s.Depth > 0 {
			panic(broken)
		}
		return false
	}
	for name, c := range map[string]backpressure.Config{
		"Trigger": {Trigger: panics},
		"Admit": {Admit: func(q *mediator.Queue) mediator.Verdict {
			panics(backpressure.State{Depth: q.Depth()})
			return mediator.Enqueue
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, k := bounded(t, c, burst)
				var got []int
				var caught any
				func() {
					defer func() { caught = recover() }()
					got, _ = slowly(t, m, 9)
				}()
				err, _ := caught.(error)
				require.ErrorIs(t, err, broken)
				require.Nil(t, got, "slowly did not return")
				requireExact(t, k.Snapshot())
				require.EqualValues(t, 2, k.Snapshot().Delivered, "what was queued came first")
			})
		})
	}
}

// TestAdmit drops every third item, and lets the newest of four stay.
func TestAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := backpressure.Config{Strategy: backpressure.Fail, Capacity: 4, Admit: func(q *mediator.Queue) mediator.Verdict {
			require.IsType(t, (*backpressure.Run)(nil), q.Owner())
			n++
			switch {
			case n%3 == 0:
				return mediator.Drop
			case n%5 == 0:
				return mediator.Skip
			}
			return mediator.Evict
		}}
		m, k := bounded(t, c, burst)
		got, err := slowly(t, m, 13)
		require.NoError(t, err)
		require.Equal(t, []int{0, 7, 10, 12}[:1], got[:1])
		require.Equal(t, []int{0, 6, 7, 10, 12}, got)
		require.Equal(t, backpressure.Counts{Produced: 13, Delivered: 5, Dropped: 6, SampledOut: 2}, k.Snapshot().Counts)
	})
}
