package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

func ExampleTimeout() {
	m, err := mediator.New(mediator.Use(behaviors.Timeout(time.Millisecond)),
		mediator.Handle(func(ctx context.Context, _ price) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}))
	if err != nil {
		panic(err)
	}
	_, err = mediator.Send(context.Background(), m, price{})
	var limit *behaviors.TimeoutError
	fmt.Println(errors.Is(err, context.DeadlineExceeded), errors.As(err, &limit))
	fmt.Println(err)
	// Output:
	// true true
	// context deadline exceeded: time limit of 1ms exceeded
}

func ExampleRecover() {
	m, err := mediator.New(mediator.Use(behaviors.Recover()),
		mediator.Handle(func(context.Context, price) (int, error) { panic("no such shelf") }))
	if err != nil {
		panic(err)
	}
	_, err = mediator.Send(context.Background(), m, price{})
	var p *mediator.PanicError
	fmt.Println(errors.As(err, &p), err)
	// Output: true panic: no such shelf
}

func ExampleFallback() {
	m, err := mediator.New(mediator.Handle(func(context.Context, price) (int, error) { return 0, errors.New("down") },
		mediator.Use(behaviors.Fallback(func(_ context.Context, err error) (int, error) {
			fmt.Println("instead of:", err)
			return 10, nil // the list price
		}))))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Send(context.Background(), m, price{SKU: "x"}))
	// Output:
	// instead of: down
	// 10 <nil>
}

type reserve struct {
	mediator.Command
	Qty int
}

func (r reserve) Validate() error {
	if r.Qty < 1 {
		return fmt.Errorf("the quantity is %d", r.Qty)
	}
	return nil
}

func ExampleValidate() {
	m, err := mediator.New(mediator.Use(behaviors.Validate()),
		mediator.HandleCommand(func(context.Context, reserve) error { return nil }, mediator.Named("reserve")))
	if err != nil {
		panic(err)
	}
	err = mediator.Exec(context.Background(), m, reserve{})
	fmt.Println(err, errors.Is(err, behaviors.ErrInvalid))
	fmt.Println(mediator.Exec(context.Background(), m, reserve{Qty: 1}))
	// Output:
	// invalid message reserve: the quantity is 0 true
	// <nil>
}

func ExampleWhen() {
	m, err := mediator.New(
		mediator.Use(behaviors.When(behaviors.Not(behaviors.IsNamed("pay")), behaviors.Recover())),
		mediator.Handle(func(context.Context, price) (int, error) { panic("bug") }),
		mediator.HandleCommand(func(context.Context, reserve) error { panic("bug") }, mediator.Named("pay")))
	if err != nil {
		panic(err)
	}
	_, err = mediator.Send(context.Background(), m, price{})
	fmt.Println(err)
	func() {
		defer func() { fmt.Println("recovered here:", recover()) }()
		_ = mediator.Exec(context.Background(), m, reserve{})
	}()
	// Output:
	// panic: bug
	// recovered here: bug
}

func ExampleIsKind() {
	streams := behaviors.When(behaviors.IsKind(mediator.KindStream), behaviors.Timeout(time.Minute))
	m, err := mediator.New(mediator.Use(streams), mediator.Handle(func(ctx context.Context, _ price) (int, error) {
		_, limited := ctx.Deadline()
		fmt.Println("limited:", limited)
		return 0, nil
	}))
	if err != nil {
		panic(err)
	}
	_, _ = mediator.Send(context.Background(), m, price{})
	// Output: limited: false
}

func ExampleHedge() {
	slow := make(chan struct{}, 1)
	slow <- struct{}{}
	m, err := mediator.New(mediator.Handle(func(ctx context.Context, _ price) (int, error) {
		select {
		case <-slow: // the first one hangs
			<-ctx.Done()
			fmt.Println("the loser:", context.Cause(ctx))
			return 0, ctx.Err()
		default:
			return 12, nil
		}
	}, mediator.Use(behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Millisecond}))))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Send(context.Background(), m, price{}))
	// Output:
	// the loser: another attempt was faster
	// 12 <nil>
}

func ExampleCoalesce() {
	bySKU := behaviors.Coalesce(func(c mediator.Call) string { return c.Message().(price).SKU })
	arrived, finish := make(chan struct{}), make(chan struct{})
	m, err := mediator.New(mediator.Use(behaviors.When(func(mediator.Call) bool { arrived <- struct{}{}; return true }, bySKU)),
		mediator.Handle(func(context.Context, price) (int, error) {
			<-finish
			return 12, nil
		}))
	if err != nil {
		panic(err)
	}
	answers := make(chan int)
	for range 2 {
		go func() {
			n, _ := mediator.Send(context.Background(), m, price{SKU: "x"})
			answers <- n
		}()
	}
	<-arrived
	<-arrived
	close(finish)
	fmt.Println(<-answers, <-answers)
	// Output: 12 12
}
