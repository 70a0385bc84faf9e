package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/fsmediator/mediator"
)

type readings struct{ mediator.Yields[int] }

// A strategy of one's own: only every second item is kept while more than half of
// the queue is full.
func ExampleNewQueue() {
	thinned := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		items := 0
		q := mediator.NewQueue(mediator.QueueConfig{
			Capacity: 8,
			Admit: func(q *mediator.Queue) mediator.Verdict {
				if items++; items%2 == 0 && q.Reaches(4) {
					return mediator.Skip
				}
				return mediator.Enqueue
			},
		})
		err := q.Run(ctx, c, next)
		counts := q.Counts()
		fmt.Println(counts.Produced == counts.Delivered+counts.Skipped, err)
		return err
	})
	m, err := mediator.New(mediator.HandleStream(func(context.Context, readings) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range 1000 {
				if !yield(i, nil) {
					return
				}
			}
		}
	}, mediator.Use(thinned)))
	if err != nil {
		fmt.Println(err)
		return
	}
	last := -1
	for i, err := range mediator.Stream(context.Background(), m, readings{}) {
		if err != nil || i <= last {
			fmt.Println("not in order", i, err)
		}
		last = i
	}
	// Output: true <nil>
}

// A run that gives nothing is interrupted, and another one begins.
func ExampleCall_Interrupt() {
	stalled := errors.New("stalled")
	var running mediator.Call
	again := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		running = c
		for {
			if err := next(ctx, c); !errors.Is(err, stalled) {
				return err
			}
			fmt.Println("stalled, once more")
		}
	})
	runs := 0
	m, err := mediator.New(mediator.HandleStream(func(ctx context.Context, _ readings) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			runs++
			yield(runs, nil)
			if runs == 1 {
				<-ctx.Done() // no item comes any more
			}
		}
	}, mediator.Use(again)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, err := range mediator.Stream(context.Background(), m, readings{}) {
		fmt.Println(i, err)
		if i == 1 {
			running.Interrupt(stalled) // a monitor would, on a goroutine of its own
		}
	}
	// Output:
	// 1 <nil>
	// stalled, once more
	// 2 <nil>
}
