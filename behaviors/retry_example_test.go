package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

type price struct {
	mediator.Returns[int]
	SKU string
}

func ExampleRetry() {
	failures := 2
	m, err := mediator.New(
		mediator.Use(behaviors.Retry(behaviors.RetryConfig{
			Delay: time.Millisecond,
			OnRetry: func(_ context.Context, r behaviors.RetryEvent) {
				fmt.Printf("attempt %d after: %v\n", r.Attempt, r.Err)
			},
		})),
		mediator.Handle(func(_ context.Context, q price) (int, error) {
			if failures > 0 {
				failures--
				return 0, errors.New("connection reset")
			}
			return 12, nil
		}))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Send(context.Background(), m, price{SKU: "x"}))
	// Output:
	// attempt 2 after: connection reset
	// attempt 3 after: connection reset
	// 12 <nil>
}

func ExampleRetry_giveUp() {
	c := behaviors.RetryConservative()
	c.Delay = time.Millisecond
	m, err := mediator.New(mediator.Handle(func(context.Context, price) (int, error) { return 0, errors.New("down") },
		mediator.Use(behaviors.Retry(c))))
	if err != nil {
		panic(err)
	}
	_, err = mediator.Send(context.Background(), m, price{SKU: "x"})
	if gaveUp, ok := errors.AsType[*behaviors.RetryError](err); ok {
		fmt.Println(gaveUp.Attempts(), "attempts:", gaveUp.Err)
	}
	// Output: 3 attempts: down
}

func ExampleRetryDatabase() {
	c := behaviors.RetryDatabase()
	fmt.Println(c.Retries, c.Delay, c.Backoff, c.MaxTotal)
	fmt.Println(c.RetryIf(context.DeadlineExceeded), c.RetryIf(errors.New("duplicate key")))
	// Output:
	// 3 1s Exponential 30s
	// true false
}

func ExampleRetryHTTP() {
	c := behaviors.RetryHTTP()
	fmt.Println(c.Retries, c.Delay, c.Backoff, c.MaxTotal)
	// Output: 4 750ms FullJitter 45s
}

func ExampleRetryAggressive() {
	c := behaviors.RetryAggressive()
	fmt.Println(c.Retries, c.Delay, c.Backoff, c.MaxTotal)
	// Output: 5 200ms FullJitter 2m0s
}

func ExampleRetryConservative() {
	c := behaviors.RetryConservative()
	fmt.Println(c.Retries, c.Delay, c.Backoff, c.MaxTotal)
	// Output: 2 500ms Fixed 10s
}

func ExampleAttempt() {
	m, err := mediator.New(mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Millisecond})),
		mediator.Handle(func(ctx context.Context, _ price) (int, error) {
			if n := behaviors.Attempt(ctx); n < 3 {
				return 0, fmt.Errorf("attempt %d failed", n)
			}
			return behaviors.Attempt(ctx), nil
		}))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Send(context.Background(), m, price{}))
	// Output: 3 <nil>
}

type words struct {
	mediator.Yields[string]
	Text string
}

func ExampleResumeFrom() {
	broken := true
	m, err := mediator.New(mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Millisecond})),
		mediator.HandleStream(func(ctx context.Context, q words) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for i, word := range strings.Fields(q.Text)[behaviors.ResumeFrom(ctx, q):] {
					if broken && i == 2 {
						broken = false
						yield("", errors.New("connection reset"))
						return
					}
					if !yield(word, nil) {
						return
					}
				}
			}
		}))
	if err != nil {
		panic(err)
	}
	for word, err := range mediator.Stream(context.Background(), m, words{Text: "every word comes once"}) {
		fmt.Println(word, err)
	}
	// Output:
	// every <nil>
	// word <nil>
	// comes <nil>
	// once <nil>
}

func ExampleNewBudget() {
	// Everything that calls the same server shares its budget.
	server := behaviors.NewBudget(behaviors.BudgetConfig{Ratio: 0.1})
	m, err := mediator.New(mediator.Handle(func(context.Context, price) (int, error) { return 0, errors.New("down") },
		mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Microsecond, Budget: server}))))
	if err != nil {
		panic(err)
	}
	for range 3 {
		_, err := mediator.Send(context.Background(), m, price{})
		fmt.Println(err)
	}
	// Output:
	// after 4 attempts: down
	// down (not retried: the retry budget is used up)
	// down (not retried: the retry budget is used up)
}

func ExampleNoBudget() {
	attempts := 0
	m, err := mediator.New(mediator.Handle(func(context.Context, price) (int, error) { attempts++; return 0, errors.New("down") },
		mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Microsecond, Budget: behaviors.NoBudget()}))))
	if err != nil {
		panic(err)
	}
	for range 10 {
		_, _ = mediator.Send(context.Background(), m, price{})
	}
	fmt.Println(attempts)
	// Output: 40
}

func ExampleErrorIs() {
	errBusy := errors.New("busy")
	retry := behaviors.RetryConfig{RetryIf: behaviors.AnyError(
		behaviors.ErrorIs(errBusy, context.DeadlineExceeded),
		behaviors.ErrorAs[*behaviors.OpenError](),
	)}
	fmt.Println(retry.RetryIf(fmt.Errorf("query: %w", errBusy)))
	fmt.Println(retry.RetryIf(errors.New("syntax error")))
	// Output:
	// true
	// false
}

func ExampleErrorAs() {
	slow := behaviors.ErrorAs[*behaviors.TimeoutError]()
	fmt.Println(slow(fmt.Errorf("query: %w", &behaviors.TimeoutError{Limit: time.Second})))
	// Output: true
}

func ExampleAnyError() {
	retry := behaviors.AnyError(behaviors.DatabaseError, behaviors.HTTPError)
	fmt.Println(retry(context.DeadlineExceeded), retry(errors.New("sold out")))
	// Output: true false
}

func ExampleRetryable() {
	fmt.Println(behaviors.Retryable(errors.New("connection reset")), behaviors.Retryable(behaviors.ErrInvalid))
	// Output: true false
}
