package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"
	"unsafe"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
)

// flood asks for the numbers below N.
type flood struct {
	mediator.Yields[item]
	N int
}

// item is as large as a small real one.
type item struct {
	Seq      int
	Bid, Ask float64
	Symbol   string
}

func numbers(_ context.Context, q flood) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for i := range q.N {
			if !yield(item{Seq: i, Symbol: "ACME"}, nil) {
				return
			}
		}
	}
}

// flat puts many items through a consumer that is slower than its producer, with each strategy. The memory is that of
// the queue, however many there are.
func flat(ctx context.Context, c config, f *findings, out io.Writer) {
	fmt.Fprintf(out, "%d items through a slow consumer, capacity %d, %d bytes each:\n", c.items, c.capacity, unsafe.Sizeof(item{}))
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		if s == backpressure.Fail { // the stream would end at once
			continue
		}
		k := backpressure.Of(backpressure.New(backpressure.Config{Strategy: s, Capacity: c.capacity}))
		m, err := mediator.New(mediator.HandleStream(numbers, mediator.Use(k)))
		if err != nil {
			f.add("flat: %v", err)
			return
		}
		before, watch, begun := live(), watchPeak(), time.Now()
		last, got := -1, 0
		for it, err := range mediator.Stream(ctx, m, flood{N: c.items}) {
			if err != nil {
				f.add("flat: %v: %v", s, err)
				break
			}
			f.check(it.Seq > last, "flat: %v: %d after %d", s, it.Seq, last)
			last = it.Seq
			got++
			slow(s, got)
		}
		most, took := watch.end(), time.Since(begun)
		counts := k.Snapshot().Counts
		checkCounts(f, "flat: "+s.String(), counts)
		f.check(counts.Delivered == uint64(got), "flat: %v: %d delivered, %d received", s, counts.Delivered, got)
		f.check(counts.Produced == uint64(c.items) || ctx.Err() != nil, "flat: %v: %d produced", s, counts.Produced)
		f.check(counts.Abandoned == 0 || ctx.Err() != nil, "flat: %v: %d abandoned", s, counts.Abandoned)
		// The queue's rings, the largest and those it has grown out of, and what the process needs anyway.
		bound := before + 8*uint64(c.capacity)*uint64(unsafe.Sizeof(item{})) + 8*mib
		f.check(most <= bound, "flat: %v: %.1f MiB at the most, more than %.1f MiB", s, float64(most)/mib, float64(bound)/mib)
		fmt.Fprintf(out, "  %-10v %10d delivered, %10d dropped, %10d sampled out, %5.1f MiB before, %5.1f MiB at the most, %v\n",
			s, counts.Delivered, counts.Dropped, counts.SampledOut, float64(before)/mib, float64(most)/mib, took.Round(time.Millisecond))
	}
}

// slow makes the consumer slow: where nothing is lost, slower than its producer, and asleep otherwise.
func slow(s backpressure.Strategy, got int) {
	switch s {
	case backpressure.DropNewest, backpressure.DropOldest, backpressure.Latest:
		time.Sleep(100 * time.Microsecond)
	default:
		if got%10_000 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
}
