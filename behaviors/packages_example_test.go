package behaviors_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func ExampleStandard() {
	r, retry := behaviors.NewRecorder(), behaviors.RetryConservative()
	m, err := mediator.New(
		mediator.Use(behaviors.Standard(behaviors.StandardConfig{Logger: printed(), Recorder: r, Retry: &retry})...),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")))
	if err != nil {
		panic(err)
	}
	err = mediator.Exec(context.Background(), m, login{User: "ann", Password: "correct horse"})
	fmt.Println(err, r.Snapshot().Message("users.login").Ended())
	// Output:
	// level=INFO msg=succeeded name=users.login kind=request
	// <nil> 1
}

func ExampleStreamingResilience() {
	m, err := mediator.New(mediator.HandleStream(numbers, mediator.Named("numbers"),
		mediator.Use(behaviors.StreamingResilience(behaviors.StreamingConfig{Logger: printed()})...)))
	if err != nil {
		panic(err)
	}
	for n, err := range mediator.Stream(context.Background(), m, upTo{N: 2}) {
		fmt.Println(n, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// level=INFO msg=succeeded name=numbers kind=stream items=2
}

func ExampleStreamingPlatinum() {
	m, err := mediator.New(mediator.HandleStream(numbers, mediator.Named("numbers"),
		mediator.Use(behaviors.StreamingPlatinum(behaviors.StreamingConfig{Logger: printed()})...)))
	if err != nil {
		panic(err)
	}
	for n, err := range mediator.Stream(context.Background(), m, upTo{N: 2}) {
		fmt.Println(n, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// level=INFO msg=succeeded name=numbers kind=stream items=2
}

func ExampleExcept() {
	retry := behaviors.RetryConfig{Retries: 2, Delay: time.Millisecond}
	most := behaviors.StandardConfig{Logger: printed(), Retry: &retry}
	once := behaviors.StandardConfig{Logger: printed()} // a card is charged once
	m, err := mediator.New(
		mediator.Use(behaviors.Except(behaviors.IsNamed("payment.Pay"), behaviors.Standard(most)...)...),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")),
		mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
			return 0, fmt.Errorf("attempt %d: down", behaviors.Attempt(ctx))
		}, mediator.Named("payment.Pay"), mediator.Use(behaviors.Standard(once)...)))
	if err != nil {
		panic(err)
	}
	_, err = mediator.Send(context.Background(), m, ask{})
	fmt.Println(err)
	// Output:
	// level=ERROR msg=failed name=payment.Pay kind=request error="attempt 1: down"
	// attempt 1: down
}
