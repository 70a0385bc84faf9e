package behaviors_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// FuzzLimiter compares a limiter with a bucket that is filled as time passes, and
// a queue in front of it.
func FuzzLimiter(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 0, 3, 40, 0, 0, 3, 10, 0})
	f.Add([]byte{1, 0, 1, 1, 1, 2, 1, 3, 100, 1, 3, 55, 0, 2, 0, 1})
	f.Add([]byte{5, 1, 1, 1, 1, 1, 1, 1, 2, 0, 3, 255, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) < 1 || len(steps) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) { runLimiterModel(t, int64(steps[0]%6)+1, steps[1:]) })
	})
}

func runLimiterModel(t *testing.T, burst int64, steps []byte) {
	// A place takes interval; level is what the bucket holds, in nanoseconds.
	const interval = 100 * time.Millisecond
	level := time.Duration(burst) * interval
	l := behaviors.NewLimiter(10, int(burst))
	var queue, served []int
	var mu sync.Mutex
	var got []int
	cancels := map[int]func(){}
	var wg sync.WaitGroup
	serve := func() {
		for len(queue) > 0 && level >= interval {
			level -= interval
			served = append(served, queue[0])
			queue = queue[1:]
		}
	}
	pass := func(d time.Duration) {
		// Step by step, since a full bucket takes no more.
		for ; d > 0; d -= 5 * time.Millisecond {
			level = min(level+5*time.Millisecond, time.Duration(burst)*interval)
			serve()
		}
	}
	for id := 0; len(steps) > 0; {
		step, arg := steps[0]%4, 0
		if steps = steps[1:]; step > 1 && len(steps) > 0 {
			arg, steps = int(steps[0]), steps[1:]
		}
		switch {
		case step == 0:
			want := len(queue) == 0 && level >= interval
			require.Equal(t, want, l.Allow())
			if want {
				level -= interval
			}
		case step == 1:
			ctx, cancel := context.WithCancel(t.Context())
			cancels[id] = cancel
			me := id
			queue = append(queue, me)
			serve()
			wg.Go(func() {
				if l.Wait(ctx) == nil {
					mu.Lock()
					defer mu.Unlock()
					got = append(got, me)
				}
			})
			id++
		case step == 2 && len(queue) > 0:
			i := arg % len(queue)
			cancels[queue[i]]()
			queue = slices.Delete(queue, i, i+1)
		case step == 3:
			d := time.Duration(arg) * 5 * time.Millisecond
			time.Sleep(d)
			pass(d)
		}
		synctest.Wait()
		mu.Lock()
		require.Equal(t, served, got)
		mu.Unlock()
		wait := interval*time.Duration(len(queue)+1) - level
		require.Equal(t, max(wait, 0), l.RetryAfter())
	}
	for _, cancel := range cancels {
		cancel()
	}
	wg.Wait()
}
