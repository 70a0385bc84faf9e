package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
)

// trickle is a stream of one item a second.
type trickle struct{ mediator.Yields[item] }

func tick(ctx context.Context, _ trickle) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for i := 0; yield(item{Seq: i}, nil); i++ {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// many keeps many streams open, and looks whether they take more memory the longer they are.
func many(ctx context.Context, c config, f *findings, out io.Writer) {
	goroutines, before := resting(), live()
	k := backpressure.Of(backpressure.New(backpressure.Config{Capacity: c.capacity}))
	m, err := mediator.New(mediator.HandleStream(tick, mediator.Use(k)))
	if err != nil {
		f.add("many: %v", err)
		return
	}
	open, closeAll := context.WithTimeout(ctx, c.open)
	defer closeAll()
	var received atomic.Int64
	var all sync.WaitGroup
	for range c.streams {
		all.Go(func() {
			next := 0
			for it, err := range mediator.Stream(open, m, trickle{}) {
				if err != nil {
					f.check(errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil, "many: %v", err)
					return
				}
				f.check(it.Seq == next, "many: item %d in place of %d", it.Seq, next)
				next++
				received.Add(1)
			}
			f.add("many: a stream ended by itself")
		})
	}
	settle := min(c.open/4, 5*time.Second)
	pause(open, settle)
	early := live()
	running := len(k.Snapshot().Runs)
	f.check(running == c.streams || open.Err() != nil, "many: %d streams are open", running)
	pause(open, c.open-settle-settle/2)
	late := live()
	all.Wait()
	counts := k.Snapshot().Counts
	checkCounts(f, "many", counts)
	f.check(counts.Delivered == uint64(received.Load()), "many: %d delivered, %d received", counts.Delivered, received.Load())
	f.check(counts.Dropped+counts.SampledOut == 0, "many: %+v", counts)
	least := int64(c.streams) * int64(c.open/time.Second) * 8 / 10
	f.check(received.Load() >= least || ctx.Err() != nil, "many: %d items, less than %d", received.Load(), least)
	f.check(late <= early+early/10+2*mib, "many: from %.1f MiB to %.1f MiB", float64(early)/mib, float64(late)/mib)
	left := settled(goroutines)
	f.check(left == 0, "many: %d goroutines more than before, which were %d", left, goroutines)
	fmt.Fprintf(out, "%d streams of an item a second, open for %v: %d items, %.1f MiB without, %.1f MiB early and %.1f MiB late, %d bytes a stream\n",
		c.streams, c.open, received.Load(), float64(before)/mib, float64(early)/mib, float64(late)/mib, (max(late, before)-before)/uint64(c.streams))
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
