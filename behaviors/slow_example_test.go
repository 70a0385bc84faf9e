package behaviors_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func ExampleSlow() {
	m, err := mediator.New(
		mediator.Use(behaviors.Slow(behaviors.SlowConfig{
			Over:   time.Nanosecond,
			OnSlow: func(_ context.Context, s behaviors.SlowCall) { fmt.Println(s.Kind, s.Name, s.Reason, s.Took > 0) },
		})),
		mediator.HandleCommand(func(context.Context, debit) error { return nil }, mediator.Named("debit")))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Exec(context.Background(), m, debit{}))
	// Output:
	// request debit completion true
	// <nil>
}
