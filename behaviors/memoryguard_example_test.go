package behaviors_test

import (
	"context"
	"fmt"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func ExampleMemoryGuard() {
	c := behaviors.MemoryGuardBalanced()
	c.Usage = func() uint64 { return 600 << 20 } // for the sake of the example
	m, err := mediator.New(mediator.Use(behaviors.MemoryGuard(c)),
		mediator.HandleCommand(func(context.Context, debit) error { return nil }))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Exec(context.Background(), m, debit{}))
	// Output:
	// memory limit reached: 600 MiB of 512 MiB in use
}
