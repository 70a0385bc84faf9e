package behaviors_test

import (
	"context"
	"expvar"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func ExampleNewRecorder() {
	r := behaviors.NewRecorder()
	m, err := mediator.New(
		mediator.Use(r),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")))
	if err != nil {
		panic(err)
	}
	for _, password := range []string{"1234", "qwertz", "correct horse"} {
		_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: password})
	}
	s := r.Snapshot().Message("users.login")
	fmt.Println(s.Ended(), s.Count(behaviors.Succeeded), s.Count(behaviors.Failed))
	fmt.Println(s.Latency().Quantile(.99) < time.Minute)
	// Output:
	// 3 1 2
	// true
}

func ExampleSnapshot_Sub() {
	r := behaviors.NewRecorder()
	m, err := mediator.New(mediator.Use(r), mediator.HandleStream(numbers, mediator.Named("numbers")))
	if err != nil {
		panic(err)
	}
	var last behaviors.Snapshot
	for n := range 3 { // every few seconds
		for range mediator.Stream(context.Background(), m, upTo{N: n}) {
		}
		now := r.Snapshot()
		fmt.Println(now.Sub(last).Message("numbers").Items, "items,", now.Message("numbers").Items, "in all")
		last = now
	}
	// Output:
	// 0 items, 0 in all
	// 1 items, 1 in all
	// 2 items, 3 in all
}

// shopLine is a queue that has something to show.
type shopLine struct{ waiting int }

func (l *shopLine) Readings() iter.Seq[behaviors.Reading] {
	return func(yield func(behaviors.Reading) bool) {
		yield(behaviors.Reading{Behavior: "line", Name: "waiting", Value: float64(l.waiting), Gauge: true})
	}
}

func ExampleRecorder_Watch() {
	r := behaviors.NewRecorder()
	r.Watch(&shopLine{waiting: 3})
	for _, reading := range r.Snapshot().Readings {
		fmt.Println(reading.Behavior, reading.Name, reading.Value)
	}
	// Output:
	// line waiting 3
}

func ExampleRecorder_Publish() {
	r := behaviors.NewRecorder()
	if err := r.Publish("mediator"); err != nil {
		panic(err)
	}
	fmt.Println(strings.HasSuffix(expvar.Get("mediator").String(), `"messages":[]}`))
	// Output:
	// true
}

func ExampleHistogram_Buckets() {
	r := behaviors.NewRecorder()
	m, err := mediator.New(mediator.Use(r), mediator.HandleCommand(checkPassword))
	if err != nil {
		panic(err)
	}
	for range 10 {
		_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: "correct horse"})
	}
	latency := r.Snapshot().Total().Latency()
	var cumulative uint64
	for b := range latency.Buckets() {
		cumulative += b.Count
	}
	fmt.Println(cumulative, latency.CountUpTo(time.Hour))
	// Output:
	// 10 10
}

func ExampleEndingOf() {
	ctx := context.Background()
	fmt.Println(behaviors.EndingOf(ctx, nil))
	fmt.Println(behaviors.EndingOf(ctx, behaviors.ErrOpen))
	fmt.Println(behaviors.EndingOf(ctx, context.DeadlineExceeded))
	// Output:
	// succeeded
	// rejected
	// timed out
}
