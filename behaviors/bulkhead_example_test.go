package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func ExampleBulkhead() {
	inside, release := make(chan struct{}), make(chan struct{})
	m, err := mediator.New(mediator.HandleCommand(func(context.Context, debit) error {
		inside <- struct{}{}
		<-release
		return nil
	}, mediator.Use(behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1, Queue: 1, MaxWait: time.Millisecond}))))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	first := make(chan error)
	go func() { first <- mediator.Exec(ctx, m, debit{}) }()
	<-inside
	err = mediator.Exec(ctx, m, debit{})
	close(release)
	fmt.Println("first:", <-first)
	fmt.Println("second is full:", errors.Is(err, behaviors.ErrFull))
	// Output:
	// first: <nil>
	// second is full: true
}
