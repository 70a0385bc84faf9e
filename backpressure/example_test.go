package backpressure_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
)

// Ticks is the stream of the examples.
type Ticks struct{ mediator.Yields[int] }

// feed is a handler that is ahead of its consumer: when that has got the first tick, it
// yields the others, up to the last, before the consumer asks for the second.
type feed struct {
	last       int
	begun, all chan struct{}
}

func newFeed(last int) feed {
	return feed{last: last, begun: make(chan struct{}), all: make(chan struct{})}
}

func (f feed) Handle(context.Context, Ticks) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		defer close(f.all)
		for i := 1; i <= f.last && yield(i, nil); i++ {
			if i == 1 {
				<-f.begun
			}
		}
	}
}

// Pause is what keeps the consumer busy.
func (f feed) Pause(tick int) {
	if tick == 1 {
		close(f.begun)
		<-f.all
	}
}

// consume prints the ticks of a feed, whose consumer is slow.
func consume(b mediator.Behavior, last int) {
	f := newFeed(last)
	m, err := mediator.New(mediator.HandleStream(f.Handle, mediator.Use(b)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for tick, err := range mediator.Stream(context.Background(), m, Ticks{}) {
		if err != nil {
			fmt.Println("error:", err)
			return
		}
		fmt.Println("tick", tick)
		f.Pause(tick)
	}
}

func ExampleNew() {
	consume(backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 2}), 100)
	// Output:
	// tick 1
	// tick 99
	// tick 100
}

func ExampleNew_dropNewest() {
	consume(backpressure.New(backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 2}), 100)
	// Output:
	// tick 1
	// tick 2
	// tick 3
}

func ExampleNew_latest() {
	consume(backpressure.New(backpressure.Config{Strategy: backpressure.Latest}), 100)
	// Output:
	// tick 1
	// tick 100
}

func ExampleNew_fail() {
	consume(backpressure.New(backpressure.Config{Strategy: backpressure.Fail, Capacity: 2}), 100)
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// error: the consumer is too slow: 2 items are queued, of at most 2
}

// The second and the third item come without pressure. From then on, one in four.
func ExampleNew_sample() {
	consume(backpressure.New(backpressure.Config{Strategy: backpressure.Sample, Capacity: 20, High: 0.1, SampleEvery: 4}), 14)
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// tick 4
	// tick 8
	// tick 12
}

func ExampleOf() {
	b := behaviors.When(behaviors.IsKind(mediator.KindStream), backpressure.New(backpressure.RealTime()))
	fmt.Println(backpressure.Of(b) != nil, backpressure.Of(behaviors.Recover()) != nil)
	// Output: true false
}

func ExampleControl_Snapshot() {
	b := backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 2})
	consume(b, 5)
	s := backpressure.Of(b).Snapshot()
	fmt.Println(s.Produced, "produced =", s.Delivered, "delivered +", s.Dropped, "dropped")
	// Output:
	// tick 1
	// tick 4
	// tick 5
	// 5 produced = 3 delivered + 2 dropped
}

func ExampleErrOverflow() {
	err := fmt.Errorf("quotes: %w", &backpressure.OverflowError{Depth: 64, Capacity: 64})
	var overflow *backpressure.OverflowError
	fmt.Println(errors.Is(err, backpressure.ErrOverflow), errors.As(err, &overflow), overflow.Capacity)
	// Output: true true 64
}

func ExampleConfig_onPressure() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	c := backpressure.Config{Strategy: backpressure.DropNewest, Capacity: 2, OnPressure: func(e backpressure.Event) {
		if e.Pressure {
			log.Warn("the consumer is slow", "stream", e.Run.Name(), "queued", e.Counts.Queued)
			return
		}
		log.Info("the consumer has caught up", "stream", e.Run.Name(), "dropped", e.Counts.Dropped)
	}}
	consume(backpressure.New(c), 10)
	// Output:
	// tick 1
	// level=WARN msg="the consumer is slow" stream=backpressure_test.Ticks queued=2
	// tick 2
	// tick 3
	// level=INFO msg="the consumer has caught up" stream=backpressure_test.Ticks dropped=7
}

// The queue may hold many ticks. While the switch is on, only the newest are wanted.
func ExampleConfig_trigger() {
	saving := true
	c := backpressure.Config{Strategy: backpressure.DropOldest, Trigger: func(s backpressure.State) bool {
		return saving && s.Depth >= 2
	}}
	consume(backpressure.New(c), 10)
	// Output:
	// tick 1
	// tick 9
	// tick 10
}

// Of what comes while the queue is full, none is kept but each fifth, for which the
// oldest goes.
func ExampleConfig_admit() {
	c := backpressure.Config{Capacity: 3, Admit: func(q *mediator.Queue) mediator.Verdict {
		if q.Reaches(q.Capacity()) && q.Counts().Produced%5 != 0 {
			return mediator.Drop
		}
		return mediator.Evict
	}}
	consume(backpressure.New(c), 14)
	// Output:
	// tick 1
	// tick 4
	// tick 6
	// tick 11
}

// Patience is a strategy with a state of its own, made of a [mediator.Queue] alone: it
// drops the oldest item, but only so many times.
type Patience struct{ Capacity, Drops int }

// Wrap makes a queue for each run.
func (p Patience) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		dropped := 0
		q := mediator.NewQueue(mediator.QueueConfig{Capacity: p.Capacity, Evicts: true, Admit: func(q *mediator.Queue) mediator.Verdict {
			if !q.Reaches(p.Capacity) {
				return mediator.Enqueue
			}
			if dropped++; dropped > p.Drops {
				return q.Fail(errors.New("out of patience"))
			}
			return mediator.Evict
		}})
		return q.Run(ctx, c, next)
	}
}

func Example_strategyOfYourOwn() {
	consume(Patience{Capacity: 2, Drops: 3}, 100)
	// Output:
	// tick 1
	// tick 5
	// tick 6
	// error: out of patience
}

// A watcher finds the run of a stream as the owner of its queue.
func ExampleRun_SetSample() {
	watcher := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		for _, q := range c.Queues() {
			if run, ok := q.Owner().(*backpressure.Run); ok {
				run.SetSample(3)
				fmt.Println("1 in", run.Sample(), "of", run.Name())
			}
		}
		return next(ctx, c)
	})
	consume(mediator.BehaviorFunc(func(next mediator.Next) mediator.Next {
		return backpressure.New(backpressure.Config{}).Wrap(watcher.Wrap(next))
	}), 10)
	// Output:
	// 1 in 3 of backpressure_test.Ticks
	// tick 1
	// tick 4
	// tick 7
	// tick 10
}

func ExampleNoDataLoss() {
	consume(backpressure.New(backpressure.NoDataLoss()), 3)
	// Output:
	// tick 1
	// tick 2
	// tick 3
}

func ExampleHighThroughput() {
	c := backpressure.HighThroughput()
	c.Capacity = 4 // a small one, for the example
	consume(backpressure.New(c), 10)
	// Output:
	// tick 1
	// tick 8
	// tick 9
	// tick 10
}

func ExampleMemoryConstrained() {
	c := backpressure.MemoryConstrained()
	c.Capacity = 6 // a small one, for the example
	consume(backpressure.New(c), 10)
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// tick 4
	// tick 5
	// tick 7
	// tick 9
}

func ExampleRealTime() {
	c := backpressure.RealTime()
	c.Capacity = 5 // a small one, for the example
	consume(backpressure.New(c), 10)
	// Output:
	// tick 1
	// tick 8
	// tick 9
	// tick 10
}

func ExampleAnalytics() {
	c := backpressure.Analytics()
	c.Capacity = 10 // a small one, for the example
	consume(backpressure.New(c), 29)
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// tick 4
	// tick 5
	// tick 6
	// tick 7
	// tick 8
	// tick 9
	// tick 10
	// tick 20
}

func ExampleBalanced() {
	b := backpressure.New(backpressure.Balanced())
	consume(b, 3)
	fmt.Println(backpressure.Of(b).Snapshot().Dropped, "dropped")
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// 0 dropped
}
