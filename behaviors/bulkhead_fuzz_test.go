package behaviors_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// FuzzBulkhead compares a bulkhead with two slices: what runs, and what waits
// since when.
func FuzzBulkhead(f *testing.F) {
	f.Add([]byte{2, 3, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0})
	f.Add([]byte{1, 2, 0, 0, 0, 2, 0, 1, 0, 3, 50, 0, 0, 3, 60, 1, 0})
	f.Add([]byte{3, 0, 0, 0, 0, 0, 1, 2, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) < 2 || len(steps) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) { runBulkheadModel(t, int(steps[0]%4)+1, int(steps[1]%5), steps[2:]) })
	})
}

func runBulkheadModel(t *testing.T, limit, queue int, steps []byte) {
	const maxWait = 10 * time.Second
	type waiting struct {
		id    int
		since time.Duration
	}
	var now time.Duration
	var runs []int
	var waits []waiting
	failed := map[int]error{}
	cancels := map[int]func(){}
	c := newCrowd(t, behaviors.BulkheadConfig{Limit: limit, Queue: queue, MaxWait: maxWait})
	free := func() {
		if len(waits) > 0 && len(runs) < limit {
			runs = append(runs, waits[0].id)
			waits = waits[1:]
		}
	}
	for id := 0; len(steps) > 0; {
		step, arg := steps[0]%4, 0
		if steps = steps[1:]; step != 0 && len(steps) > 0 {
			arg, steps = int(steps[0]), steps[1:]
		}
		switch {
		case step == 0:
			ctx, cancel := context.WithCancel(t.Context())
			cancels[id] = cancel
			switch {
			case len(runs) < limit:
				runs = append(runs, id)
			case len(waits) < queue:
				waits = append(waits, waiting{id, now})
			default:
				failed[id] = behaviors.ErrFull
			}
			c.begin(ctx, id)
			id++
		case step == 1 && len(runs) > 0:
			i := arg % len(runs)
			c.end(runs[i])
			runs = slices.Delete(runs, i, i+1)
			free()
		case step == 2 && len(waits) > 0:
			i := arg % len(waits)
			cancels[waits[i].id]()
			failed[waits[i].id] = context.Canceled
			waits = slices.Delete(waits, i, i+1)
			synctest.Wait()
		case step == 3:
			d := time.Duration(arg) * 50 * time.Millisecond
			time.Sleep(d)
			synctest.Wait()
			now += d
			for len(waits) > 0 && now-waits[0].since >= maxWait {
				failed[waits[0].id] = behaviors.ErrFull
				waits = waits[1:]
			}
		}
		require.ElementsMatch(t, runs, c.runs())
	}
	for len(runs) > 0 {
		c.end(runs[0])
		runs = runs[1:]
		free()
		require.ElementsMatch(t, runs, c.runs())
	}
	c.wg.Wait()
	for id, cancel := range cancels {
		cancel()
		if failed[id] == nil {
			require.NoError(t, c.err(id))
		} else {
			require.ErrorIs(t, c.err(id), failed[id])
			require.ErrorIs(t, c.err(id), behaviors.ErrFull)
		}
	}
}
