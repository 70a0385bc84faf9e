package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

type debit struct {
	mediator.Command
	Cents int
}

func ExampleCircuitBreaker() {
	c := behaviors.BreakerSensitive()
	c.OnStateChange = func(c behaviors.StateChange) {
		fmt.Printf("%s: %v -> %v for %v: %v\n", c.Key, c.From, c.To, c.Break, c.Err)
	}
	breaker := behaviors.CircuitBreaker(c)
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, debit) error {
		return errors.New("no route to bank")
	}, mediator.Named("debit"), mediator.Use(breaker)))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for range 3 {
		fmt.Println(mediator.Exec(ctx, m, debit{Cents: 100}))
	}
	err = mediator.Exec(ctx, m, debit{Cents: 100})
	var open *behaviors.OpenError
	fmt.Println(errors.As(err, &open), errors.Is(err, behaviors.ErrOpen), open.RetryAfter() > 14*time.Second)
	// Output:
	// no route to bank
	// no route to bank
	// debit: closed -> open for 15s: no route to bank
	// no route to bank
	// true true true
}

func ExampleBreaker_Isolate() {
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	m, err := mediator.New(mediator.Use(breaker), mediator.HandleCommand(func(context.Context, debit) error { return nil }, mediator.Named("debit")))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	breaker.Isolate("debit")
	fmt.Println(errors.Is(mediator.Exec(ctx, m, debit{}), behaviors.ErrOpen), breaker.State("debit"))
	breaker.Reset("debit")
	fmt.Println(mediator.Exec(ctx, m, debit{}), breaker.State("debit"))
	for _, s := range breaker.Snapshot() {
		fmt.Println(s.Key, s.State, s.Successes, s.Failures, s.Rejected)
	}
	// Output:
	// true isolated
	// <nil> closed
	// debit closed 1 0 1
}

// Odd amounts and even ones have a breaker each.
func ExampleCircuitBreaker_key() {
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{
		ConsecutiveFailures: 1,
		Key: func(c mediator.Call) string {
			if c.Message().(debit).Cents%2 == 1 {
				return "odd"
			}
			return "even"
		},
	})
	m, err := mediator.New(mediator.Use(breaker), mediator.HandleCommand(func(_ context.Context, c debit) error {
		if c.Cents%2 == 1 {
			return errors.New("no coins")
		}
		return nil
	}))
	if err != nil {
		panic(err)
	}
	for cents := range 4 {
		err := mediator.Exec(context.Background(), m, debit{Cents: cents})
		fmt.Println(err == nil, errors.Is(err, behaviors.ErrOpen))
	}
	fmt.Println(breaker.State("odd"), breaker.State("even"), breaker.State())
	// Output:
	// true false
	// false false
	// true false
	// false true
	// open closed open
}

// A user's own error says that it is of the business.
type noCredit struct{}

func (noCredit) Error() string  { return "no credit" }
func (noCredit) Business() bool { return true }

func ExampleDatabaseOutcome() {
	fmt.Println(behaviors.DatabaseOutcome(fmt.Errorf("place order: %w", noCredit{})))
	fmt.Println(behaviors.DatabaseOutcome(errors.New("connection lost")))
	// Output:
	// ignored
	// failure
}

func ExampleExternalAPIOutcome() {
	fmt.Println(behaviors.ExternalAPIOutcome(&statusError{code: 404}))
	fmt.Println(behaviors.ExternalAPIOutcome(&statusError{code: 503}))
	// Output:
	// ignored
	// failure
}

func ExampleOutcomeOf() {
	errNotFound := errors.New("not found")
	c := behaviors.BreakerBalanced()
	c.Classify = func(err error) behaviors.Outcome {
		if errors.Is(err, errNotFound) {
			return behaviors.OutcomeSuccess
		}
		return behaviors.OutcomeOf(err)
	}
	fmt.Println(c.Classify(errNotFound), c.Classify(behaviors.ErrFull), c.Classify(errors.New("down")))
	// Output:
	// success ignored failure
}
