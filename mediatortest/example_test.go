package mediatortest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/mediatortest"
)

func Example() {
	ctx := context.Background()
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec,
		mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})),
	)

	err := checkout(ctx, m, 1250) // sends a Charge, publishes OrderPaid

	fmt.Println(err)
	fmt.Println(mediatortest.Sent[Charge](rec)[0].Cents)
	fmt.Println(mediatortest.Published[OrderPaid](rec))
	// Output:
	// <nil>
	// 1250
	// [{7}]
}

func ExampleNew() {
	m := mediatortest.New(t, mediator.Handle(func(_ context.Context, c Charge) (Receipt, error) {
		return Receipt{ID: c.Cents}, nil
	}))
	fmt.Println(mediator.Send(context.Background(), m, Charge{Cents: 3}))
	// Output: {3} <nil>
}

func ExampleReply() {
	m := mediatortest.New(t, mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})))
	fmt.Println(mediator.Send(context.Background(), m, Charge{Cents: 1250}))
	// Output: {7} <nil>
}

// Code that takes a plain function needs no mediator.
func ExampleReply_function() {
	type till struct {
		charge func(context.Context, Charge) (Receipt, error) // mediator.SenderFor[Charge](m) in production
	}
	sut := till{charge: mediatortest.Reply[Charge](Receipt{ID: 7})}
	fmt.Println(sut.charge(context.Background(), Charge{Cents: 1250}))
	// Output: {7} <nil>
}

func ExampleFail() {
	m := mediatortest.New(t, mediator.Handle(mediatortest.Fail[Charge](errors.New("declined"))))
	fmt.Println(checkout(context.Background(), m, 1250))
	// Output: declined
}

func ExampleItems() {
	m := mediatortest.New(t, mediator.HandleStream(mediatortest.Items[Rates](98, 99)))
	for rate, err := range mediator.Stream(context.Background(), m, Rates{Currency: "EUR"}) {
		fmt.Println(rate, err)
	}
	// Output:
	// 98 <nil>
	// 99 <nil>
}

func ExampleFailAfter() {
	m := mediatortest.New(t, mediator.HandleStream(mediatortest.FailAfter[Rates](errors.New("line dropped"), 98)))
	for rate, err := range mediator.Stream(context.Background(), m, Rates{Currency: "EUR"}) {
		fmt.Println(rate, err)
	}
	// Output:
	// 98 <nil>
	// 0 line dropped
}

// A Recorder among the options of a mediator sees everything, in order.
func ExampleNewRecorder() {
	ctx := context.Background()
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec,
		mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return errors.New("out of stock") }, mediator.Group("stock")),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return nil }, mediator.Group("mail")),
	)
	_ = checkout(ctx, m, 1250)
	for _, call := range rec.Calls() {
		fmt.Println(call)
	}
	// Output:
	// request mediatortest_test.Charge
	// notification mediatortest_test.OrderPaid
	// notification mediatortest_test.OrderPaid to stock: out of stock
	// notification mediatortest_test.OrderPaid to mail
}

// A Recorder among the options of a handler sees this handler's calls where it
// stands among the behaviors: here, each attempt.
func ExampleRecorder_handler() {
	again := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := next(ctx, c); err == nil {
			return nil
		}
		return next(ctx, c)
	})
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, mediator.Handle(mediatortest.Fail[Charge](errors.New("declined")), mediator.Use(again), rec))
	_ = checkout(context.Background(), m, 1250)
	fmt.Println(len(mediatortest.Sent[Charge](rec)))
	// Output: 2
}

func ExampleRecorder_Calls() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})))
	_ = checkout(context.Background(), m, 1250)
	call := rec.Calls()[0]
	fmt.Println(call.Kind, call.Message.(Charge).Cents, call.Response, call.Err)
	// Output: request 1250 {7} <nil>
}

func ExampleRecorder_Reset() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec)
	_ = mediator.Publish(context.Background(), m, OrderPaid{Receipt: 1})
	rec.Reset()
	_ = mediator.Publish(context.Background(), m, OrderPaid{Receipt: 2})
	fmt.Println(mediatortest.Published[OrderPaid](rec))
	// Output: [{2}]
}

// Whatever calls tell can be waited for.
func ExampleRecorder_WaitFor() {
	ctx := context.Background()
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})))
	paid := make(chan error, 1)
	go func() { paid <- checkout(ctx, m, 1250) }()
	err := rec.WaitFor(ctx, func(calls []mediatortest.Call) bool {
		return len(calls) > 0 && calls[0].Response == Receipt{ID: 7}
	})
	fmt.Println(err, <-paid)
	// Output: <nil> <nil>
}

func ExampleCall_String() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.HandleStream(mediatortest.FailAfter[Rates](errors.New("line dropped"), 98, 99)))
	for rate, err := range mediator.Stream(context.Background(), m, Rates{Currency: "EUR"}) {
		fmt.Println(rate, err)
	}
	fmt.Println(rec.Calls()[0])
	// Output:
	// 98 <nil>
	// 99 <nil>
	// 0 line dropped
	// stream mediatortest_test.Rates, 2 items: line dropped
}

func ExampleSent() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})))
	_ = checkout(context.Background(), m, 1250)
	_ = checkout(context.Background(), m, 80)
	for _, charge := range mediatortest.Sent[Charge](rec) {
		fmt.Println(charge.Cents)
	}
	// Output:
	// 1250
	// 80
}

// It is no matter whether anybody has subscribed.
func ExamplePublished() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec)
	_ = mediator.Publish(context.Background(), m, OrderPaid{Receipt: 7})
	_ = mediator.Publish(context.Background(), m, "closing time")
	fmt.Println(mediatortest.Published[OrderPaid](rec))
	fmt.Println(mediatortest.Published[any](rec))
	// Output:
	// [{7}]
	// [{7} closing time]
}

// What is published in the background is handled later.
func ExampleWaitPublished() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec,
		mediator.Subscribe(func(context.Context, OrderPaid) error { return errors.New("no printer") }, mediator.Group("invoice")),
		mediator.OnError(func(context.Context, error) {}))
	_ = mediator.Publish(context.Background(), m, OrderPaid{Receipt: 7}, mediator.Background())

	fmt.Println(mediatortest.WaitPublished[OrderPaid](t, rec, 1))
	fmt.Println(rec.Calls()[1])
	// Output:
	// [{7}]
	// notification mediatortest_test.OrderPaid to invoice: no printer
}

func ExampleStreamed() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.HandleStream(mediatortest.Items[Rates](98, 99)))
	for rate, err := range mediator.Stream(context.Background(), m, Rates{Currency: "EUR"}) {
		fmt.Println(rate, err)
	}
	fmt.Println(mediatortest.Streamed[Rates](rec)[0].Currency)
	// Output:
	// 98 <nil>
	// 99 <nil>
	// EUR
}

func ExampleCallsOf() {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.Handle(mediatortest.Fail[Charge](errors.New("declined"))))
	_ = checkout(context.Background(), m, 1250)
	for _, call := range mediatortest.CallsOf[Charge](rec) {
		fmt.Println(call.Err)
	}
	// Output: declined
}

// A store of one's own is tested by one line.
func ExampleDeadLetters() {
	testStore := func(t *testing.T) {
		mediatortest.DeadLetters(t, func(testing.TB) deadletter.Store { return deadletter.NewMemory() })
	}
	fmt.Println(passes(testStore))
	// Output: true
}

func ExampleTransport() {
	testTransport := func(t *testing.T) {
		mediatortest.Transport(t, func(t testing.TB, handlers mediator.Option) *mediator.Mediator {
			return mediatortest.New(t, handlers) // an adapter wires them in another mediator
		})
	}
	fmt.Println(passes(testTransport))
	// Output: true
}
