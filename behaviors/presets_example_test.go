package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func ExampleBreakerBalanced() {
	c := behaviors.BreakerBalanced()
	c.Break = 10 * time.Second // a preset is a place to start from
	fmt.Println(c.FailureRatio, c.MinCalls, c.Window, c.Break, c.Trials)
	// Output:
	// 0.5 5 1m0s 10s 3
}

func ExampleMemoryGuardConstrained() {
	c := behaviors.MemoryGuardConstrained()
	fmt.Println(c.Limit>>20, "MiB", c.Growth>>20, "MiB/s", c.Interval)
	// Output:
	// 256 MiB 5 MiB/s 15s
}

func ExampleIsNamed() {
	validated := behaviors.When(behaviors.IsNamed("users.login"), behaviors.Validate())
	m, err := mediator.New(
		mediator.Use(validated),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Exec(context.Background(), m, login{User: "ann", Password: "correct horse"}))
	// Output:
	// <nil>
}

func ExampleNot() {
	// A limit for the whole call suits all but streams, which may go on for long.
	limit := behaviors.When(behaviors.Not(behaviors.IsKind(mediator.KindStream)), behaviors.Timeout(time.Second))
	m, err := mediator.New(mediator.Use(limit), mediator.HandleStream(func(ctx context.Context, q upTo) iter.Seq2[int, error] {
		_, limited := ctx.Deadline()
		fmt.Println("limited:", limited)
		return numbers(ctx, q)
	}))
	if err != nil {
		panic(err)
	}
	for n := range mediator.Stream(context.Background(), m, upTo{N: 2}) {
		fmt.Println(n)
	}
	// Output:
	// limited: false
	// 0
	// 1
}

func ExampleDatabaseError() {
	fmt.Println(behaviors.DatabaseError(context.DeadlineExceeded))
	fmt.Println(behaviors.DatabaseError(errors.New("Deadlock found when trying to get lock")))
	fmt.Println(behaviors.DatabaseError(errors.New("duplicate key")))
	// Output:
	// true
	// true
	// false
}

func ExampleHTTPError() {
	fmt.Println(behaviors.HTTPError(io.ErrUnexpectedEOF))
	fmt.Println(behaviors.HTTPError(errors.New("404 Not Found")))
	// Output:
	// true
	// false
}

func ExampleBreaker_Snapshot() {
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 2})
	m, err := mediator.New(
		mediator.Use(breaker),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")))
	if err != nil {
		panic(err)
	}
	for range 3 {
		_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: "1234"})
	}
	for _, s := range breaker.Snapshot() {
		fmt.Println(s.Key, s.State, s.Rejected)
	}
	breaker.Reset()
	fmt.Println(breaker.State())
	// Output:
	// users.login open 1
	// closed
}

func ExampleEnding() {
	recorder := behaviors.NewRecorder()
	m, err := mediator.New(mediator.Use(recorder), mediator.HandleStream(numbers, mediator.Named("numbers")))
	if err != nil {
		panic(err)
	}
	for n := range mediator.Stream(context.Background(), m, upTo{N: 100}) {
		if n == 2 {
			break
		}
	}
	s := recorder.Snapshot().Message("numbers")
	for _, e := range behaviors.Endings() {
		if s.Count(e) > 0 {
			fmt.Println(e, "after", s.Items, "items")
		}
	}
	// Output:
	// stopped after 3 items
}

func ExampleEndings() {
	for _, e := range behaviors.Endings() {
		fmt.Print(e, "; ")
	}
	// Output: succeeded; stopped; failed; canceled; timed out; rejected; panicked; exited; declined;
}
