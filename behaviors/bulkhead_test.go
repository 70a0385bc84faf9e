package behaviors_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// crowd begins calls inside a synctest bubble and can end each of them.
type crowd struct {
	t    *testing.T
	exec func(ctx context.Context, do func(context.Context) error) error
	wg   sync.WaitGroup

	mu      sync.Mutex
	running []int
	errs    map[int]error
	release map[int]chan struct{}
}

func newCrowd(t *testing.T, c behaviors.BulkheadConfig) *crowd {
	return &crowd{t: t, exec: actor(t, behaviors.Bulkhead(c)), errs: map[int]error{}, release: map[int]chan struct{}{}}
}

func (c *crowd) begin(ctx context.Context, id int) {
	release := make(chan struct{})
	c.release[id] = release
	c.wg.Go(func() {
		err := c.exec(ctx, func(context.Context) error {
			c.mu.Lock()
			c.running = append(c.running, id)
			c.mu.Unlock()
			<-release
			return nil
		})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running = slices.DeleteFunc(c.running, func(other int) bool { return other == id })
		c.errs[id] = err
	})
	synctest.Wait()
}

// runs returns who runs, in the order they began to.
func (c *crowd) runs() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.running)
}

// err returns the error of a call that has ended.
func (c *crowd) err(id int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errs[id]
}

func (c *crowd) end(id int) {
	close(c.release[id])
	synctest.Wait()
}

// limit
func TestBulkheadLimitsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, behaviors.BulkheadConfig{Limit: 3})
		for id := range 5 {
			c.begin(t.Context(), id)
		}
		require.Equal(t, []int{0, 1, 2}, c.runs())
		for _, id := range []int{3, 4} {
			require.ErrorIs(t, c.err(id), behaviors.ErrFull)
		}
		c.end(1)
		c.begin(t.Context(), 5)
		require.Equal(t, []int{0, 2, 5}, c.runs())
		c.end(0)
		c.end(2)
		c.end(5)
	})
}

// bounded FIFO queue
func TestBulkheadQueueIsBoundedAndFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, behaviors.BulkheadConfig{Limit: 1, Queue: 3})
		for id := range 6 {
			c.begin(t.Context(), id)
		}
		require.ErrorIs(t, c.err(4), behaviors.ErrFull)
		require.EqualError(t, c.err(5), "bulkhead is full: 1 run, 3 wait")
		for id := range 4 {
			require.Equal(t, []int{id}, c.runs())
			c.end(id)
		}
		require.Empty(t, c.runs())
		c.begin(t.Context(), 6)
		require.Equal(t, []int{6}, c.runs())
		c.end(6)
	})
}

// longest wait
func TestBulkheadWaitsNoLongerThanMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, behaviors.BulkheadConfig{Limit: 1, Queue: 2, MaxWait: time.Second})
		c.begin(t.Context(), 0)
		c.begin(t.Context(), 1)
		time.Sleep(time.Second - 1)
		c.begin(t.Context(), 2)
		require.NoError(t, c.err(1))
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		var full *behaviors.FullError
		require.ErrorAs(t, c.err(1), &full)
		require.ErrorIs(t, full, behaviors.ErrFull)
		require.Equal(t, time.Second, full.Waited)
		c.end(0)
		require.Equal(t, []int{2}, c.running, "the one that gave up left the queue")
		c.end(2)
	})
}

// the cause of a cancellation is hidden from errors.Is
func TestFoundBulkheadCancelledWaitShowsItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, behaviors.BulkheadConfig{Limit: 1, Queue: 2})
		errCause := errors.New("gone home")
		ctx, cancel := context.WithCancelCause(t.Context())
		c.begin(t.Context(), 0)
		c.begin(ctx, 1)
		c.begin(t.Context(), 2)
		cancel(errCause)
		synctest.Wait()
		require.ErrorIs(t, c.err(1), context.Canceled)
		require.ErrorIs(t, c.err(1), errCause)
		require.ErrorIs(t, c.err(1), behaviors.ErrFull)
		c.end(0)
		require.Equal(t, []int{2}, c.runs())
		c.end(2)
	})
}

// an operation runs under an already-cancelled context
func TestFoundBulkheadRunsNothingUnderAnEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exec := actor(t, behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 1}))
		never := func(context.Context) error { t.Error("ran"); return errDown }
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			waiting := make(chan error, 1)
			require.NoError(t, exec(t.Context(), func(context.Context) error {
				go func() { waiting <- exec(ctx, never) }()
				synctest.Wait()
				cancel() // and only then the place comes free
				return nil
			}))
			require.ErrorIs(t, <-waiting, context.Canceled)
			require.ErrorIs(t, exec(ctx, never), context.Canceled)
			require.NoError(t, exec(t.Context(), succeed), "no place was lost")
		}
	})
}

// a panic leaks a bulkhead permit; permit freed on panic and Goexit
func TestFoundPanicAndGoexitFreeTheBulkheadPlace(t *testing.T) {
	exec := actor(t, behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1}))
	for range 3 {
		require.Panics(t, func() { _ = exec(t.Context(), func(context.Context) error { panic("boom") }) })
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = exec(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
		}()
		<-done
		require.NoError(t, exec(t.Context(), succeed))
	}
}

func TestBulkheadHoldsAStreamsPlaceUntilItsRunEnds(t *testing.T) {
	stream := counter(t, behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1}))
	one := func(yield func(int, error) bool) { yield(1, nil) }
	for range 3 {
		for range stream(one) {
			for _, err := range stream(one) {
				require.ErrorIs(t, err, behaviors.ErrFull)
			}
			break
		}
	}
	require.Panics(t, func() {
		for range stream(one) {
			panic("the consumer's")
		}
	})
	for _, err := range stream(one) {
		require.NoError(t, err)
	}
}

func TestBulkheadUnderManyCallers(t *testing.T) {
	exec := actor(t, behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 3, Queue: 100, MaxWait: time.Millisecond}))
	var mu sync.Mutex
	running, most := 0, 0
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%4 == 0 {
					go cancel()
				}
				_ = exec(ctx, func(context.Context) error {
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					runtime.Gosched()
					mu.Lock()
					running--
					mu.Unlock()
					return nil
				})
				cancel()
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, most, 3)
	require.NoError(t, exec(t.Context(), func(ctx context.Context) error {
		return exec(ctx, func(ctx context.Context) error {
			return exec(ctx, succeed)
		})
	}), "all places are free")
}

func TestBulkheadAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.Bulkhead(behaviors.BulkheadConfig{}))
}

func TestBulkheadReadings(t *testing.T) {
	b := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1})
	exec := actor(t, b)
	require.NoError(t, exec(t.Context(), func(ctx context.Context) error {
		require.ErrorIs(t, exec(ctx, succeed), behaviors.ErrFull)
		got := slices.Collect(b.(behaviors.Source).Readings())
		require.Equal(t, []behaviors.Reading{
			{Name: "running", Value: 1, Gauge: true}, {Name: "waiting", Gauge: true}, {Name: "rejections", Value: 1}}, got)
		return nil
	}))
}

func TestBulkheadWarnsOfRecoverInsideAlone(t *testing.T) {
	var warnings []string
	wire := func(bs ...mediator.Behavior) []string {
		warnings = nil
		_, err := mediator.New(mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
			mediator.Use(bs...), mediator.HandleCommand(func(context.Context, act) error { return nil }))
		require.NoError(t, err)
		return warnings
	}
	b := behaviors.Bulkhead(behaviors.BulkheadConfig{})
	require.Len(t, wire(b, called("Recover")), 1)
	require.Empty(t, wire(called("Recover"), b))
	require.Empty(t, wire(called("Recover"), b, called("Recover")))
}

func TestBulkheadRefusesAConfigurationThatMakesNoSense(t *testing.T) {
	requirePanics(t, "Limit is -1", func() { behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: -1}) })
	requirePanics(t, "Queue -1", func() { behaviors.Bulkhead(behaviors.BulkheadConfig{Queue: -1}) })
	if math.MaxInt > math.MaxInt32 { // where an int can be more
		requirePanics(t, "more than", func() { behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: math.MaxInt}) })
		requirePanics(t, "more than", func() { behaviors.Bulkhead(behaviors.BulkheadConfig{Queue: math.MaxInt}) })
	}
}
