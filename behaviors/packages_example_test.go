package behaviors_test

import (
	"context"
	"fmt"

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
