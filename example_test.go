package mediator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
)

// The messages of the examples.

type PlaceOrder struct {
	mediator.Returns[Order]
	SKU string
	Qty int
}

type Order struct {
	ID    string
	Total int
}

type CancelOrder struct {
	mediator.Command
	ID string
}

type OrderPlaced struct{ ID string }

type Quotes struct {
	mediator.Yields[int]
	Symbol string
}

func placeOrder1(_ context.Context, q PlaceOrder) (Order, error) {
	if q.Qty <= 0 {
		return Order{}, errors.New("nothing to order")
	}
	return Order{ID: "o-1", Total: 5 * q.Qty}, nil
}

func quotes(_ context.Context, q Quotes) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for price := 100; price < 104; price++ {
			if !yield(price, nil) {
				return
			}
		}
	}
}

func must(m *mediator.Mediator, err error) *mediator.Mediator {
	if err != nil {
		panic(err)
	}
	return m
}

func Example() {
	m, err := mediator.New(
		mediator.Handle(placeOrder1),
		mediator.Subscribe(func(_ context.Context, e OrderPlaced) error {
			fmt.Println("ship", e.ID)
			return nil
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer func() { _ = m.Close(ctx) }()

	order, err := mediator.Send(ctx, m, PlaceOrder{SKU: "x", Qty: 3}) // order is an Order
	fmt.Println(order.ID, order.Total, err)
	fmt.Println(mediator.Publish(ctx, m, OrderPlaced{ID: order.ID}))
	// Output:
	// o-1 15 <nil>
	// ship o-1
	// <nil>
}

func ExampleNew() {
	_, err := mediator.New(
		mediator.Handle(placeOrder1),
		mediator.Handle(placeOrder1),
		mediator.Subscribe[OrderPlaced](nil),
	)
	fmt.Println(err)
	// Output:
	// mediator: new: mediator_test.PlaceOrder: duplicate handler: the request handler mediator_test.placeOrder1, which gives mediator_test.Order and the request handler mediator_test.placeOrder1, which gives mediator_test.Order: keep one of them
	// 	subscriber of mediator_test.OrderPlaced: the handler is nil
}

func ExampleOptions() {
	shop := func() mediator.Option { // exported by a package of the application
		return mediator.Options(
			mediator.Handle(placeOrder1),
			mediator.HandleStream(quotes),
		)
	}
	m := must(mediator.New(shop()))
	order, err := mediator.Send(context.Background(), m, PlaceOrder{Qty: 1})
	fmt.Println(order.Total, err)
	// Output: 5 <nil>
}

func ExampleHandle() {
	m := must(mediator.New(mediator.Handle(placeOrder1, mediator.Named("place-order"))))
	_, err := mediator.Send(context.Background(), m, &PlaceOrder{})
	fmt.Println(err)
	// Output: mediator: send mediator_test.PlaceOrder: no handler for *mediator_test.PlaceOrder; one for mediator_test.PlaceOrder exists: send a value
}

func ExampleHandleCommand() {
	m := must(mediator.New(mediator.HandleCommand(func(_ context.Context, c CancelOrder) error {
		return fmt.Errorf("order %s has left the house", c.ID)
	})))
	fmt.Println(mediator.Exec(context.Background(), m, CancelOrder{ID: "o-1"}))
	// Output: order o-1 has left the house
}

func ExampleSend() {
	m := must(mediator.New(mediator.Handle(placeOrder1)))
	order, err := mediator.Send(context.Background(), m, PlaceOrder{SKU: "x", Qty: 2})
	fmt.Println(order, err)
	_, err = mediator.Send(context.Background(), m, PlaceOrder{})
	fmt.Println(err)
	// Output:
	// {o-1 10} <nil>
	// nothing to order
}

// What came out of a queue of requests of any type.
func ExampleSendAny() {
	m := must(mediator.New(
		mediator.Handle(placeOrder1),
		mediator.HandleCommand(func(context.Context, CancelOrder) error { return nil })))
	defer func() { _ = m.Close(context.Background()) }()

	for _, request := range []any{PlaceOrder{SKU: "cup", Qty: 2}, CancelOrder{}} {
		fmt.Println(mediator.SendAny(context.Background(), m, request))
	}
	// Output:
	// {o-1 10} <nil>
	// <nil> <nil>
}

func ExampleExec() {
	m := must(mediator.New(mediator.HandleCommand(func(context.Context, CancelOrder) error { return nil })))
	fmt.Println(mediator.Exec(context.Background(), m, CancelOrder{ID: "o-1"}))
	// Output: <nil>
}

func ExampleSenderFor() {
	m := must(mediator.New(mediator.Handle(placeOrder1)))
	checkout := func(place func(context.Context, PlaceOrder) (Order, error)) string {
		order, _ := place(context.Background(), PlaceOrder{Qty: 1})
		return order.ID
	}
	fmt.Println(checkout(mediator.SenderFor[PlaceOrder](m)))
	fmt.Println(checkout(func(context.Context, PlaceOrder) (Order, error) { return Order{ID: "fake"}, nil }))
	// Output:
	// o-1
	// fake
}

func ExampleSubscribe() {
	m := must(mediator.New(
		mediator.Subscribe(func(_ context.Context, e OrderPlaced) error { fmt.Println("stock:", e.ID); return nil }),
		mediator.Subscribe(func(_ context.Context, e any) error { fmt.Printf("audit: %T\n", e); return nil }), // every type
	))
	fmt.Println(mediator.Publish(context.Background(), m, OrderPlaced{ID: "o-1"}))
	// Output:
	// stock: o-1
	// audit: mediator_test.OrderPlaced
	// <nil>
}

func ExamplePublish() {
	m := must(mediator.New(
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return errors.New("out of stock") }, mediator.Group("stock")),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { panic("no printer") }, mediator.Group("invoice")),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { fmt.Println("mail sent"); return nil }, mediator.Group("mail")),
	))
	fmt.Println(mediator.Publish(context.Background(), m, OrderPlaced{ID: "o-1"}))
	// Output:
	// mail sent
	// mediator: publish mediator_test.OrderPlaced to stock: out of stock
	// mediator: publish mediator_test.OrderPlaced to invoice: panic: no printer
}

func ExampleSequential() {
	m := must(mediator.New(mediator.Parallel(0),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { fmt.Println("first"); return nil }),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { fmt.Println("second"); return nil })))
	fmt.Println(mediator.Publish(context.Background(), m, OrderPlaced{}, mediator.Sequential()))
	// Output:
	// first
	// second
	// <nil>
}

func ExampleParallel() {
	met := make(chan string)
	m := must(mediator.New(
		mediator.Subscribe(func(context.Context, OrderPlaced) error { met <- "hello"; return nil }),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { fmt.Println(<-met); return nil })))
	fmt.Println(mediator.Publish(context.Background(), m, OrderPlaced{}, mediator.Parallel(2)))
	// Output:
	// hello
	// <nil>
}

func ExampleBackground() {
	m := must(mediator.New(
		mediator.BackgroundQueue(100, 1),
		mediator.OnError(func(_ context.Context, err error) { fmt.Println("lost:", err) }),
		mediator.Subscribe(func(ctx context.Context, e OrderPlaced) error {
			return fmt.Errorf("no mail for %s", e.ID)
		}, mediator.Group("mail"))))
	ctx, cancel := context.WithCancel(context.Background())
	fmt.Println(mediator.Publish(ctx, m, OrderPlaced{ID: "o-1"}, mediator.Background()))
	cancel() // does not reach the handler
	fmt.Println(m.Close(context.Background()))
	// Unordered output:
	// <nil>
	// lost: mediator: publish mediator_test.OrderPlaced to mail: no mail for o-1
	// <nil>
}

func ExampleBackgroundQueue() {
	_, err := mediator.New(mediator.BackgroundQueue(0, 4))
	fmt.Println(err)
	// Output: mediator: new: BackgroundQueue(0, 4): both must be at least 1
}

func ExampleOnError() {
	m := must(mediator.New(
		mediator.OnError(func(_ context.Context, err error) { fmt.Println("lost:", err) }),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return errors.New("out of ink") }, mediator.Group("invoice"))))
	_ = mediator.Publish(context.Background(), m, OrderPlaced{}, mediator.Background())
	_ = m.Close(context.Background())
	// Output: lost: mediator: publish mediator_test.OrderPlaced to invoice: out of ink
}

func ExampleMediator_Behaviors() {
	m := must(mediator.New(
		mediator.OnWarning(func(string) {}),
		mediator.Use(picky{"log"}),
		mediator.Handle(placeOrder1, mediator.Named("place-order"), mediator.Use(picky{"retry"}))))
	for _, b := range m.Behaviors("place-order", "") {
		fmt.Println(b.(mediator.BehaviorNamer).BehaviorName())
	}
	// Output:
	// log
	// retry
}

func ExampleMediator_Close() {
	m := must(mediator.New(mediator.Handle(placeOrder1)))
	fmt.Println(m.Close(context.Background()))
	_, err := mediator.Send(context.Background(), m, PlaceOrder{})
	fmt.Println(errors.Is(err, mediator.ErrClosed))
	// Output:
	// <nil>
	// true
}

func ExampleListen() {
	m := must(mediator.New())
	ctx := context.Background()
	stop, err := mediator.Listen(m, func(_ context.Context, e OrderPlaced) error { fmt.Println("saw", e.ID); return nil })
	if err != nil {
		fmt.Println(err)
	}
	_ = mediator.Publish(ctx, m, OrderPlaced{ID: "o-1"})
	stop()
	_ = mediator.Publish(ctx, m, OrderPlaced{ID: "o-2"})
	// Output: saw o-1
}

func ExampleHandleStream() {
	m := must(mediator.New(mediator.HandleStream(quotes)))
	for price, err := range mediator.Stream(context.Background(), m, Quotes{Symbol: "ACME"}) {
		fmt.Println(price, err)
	}
	// Output:
	// 100 <nil>
	// 101 <nil>
	// 102 <nil>
	// 103 <nil>
}

func ExampleStream() {
	m := must(mediator.New(mediator.HandleStream(quotes)))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for price, err := range mediator.Stream(ctx, m, Quotes{Symbol: "ACME"}) {
		if err != nil {
			fmt.Println("cut off:", err)
			break
		}
		fmt.Println(price)
		cancel()
	}
	// Output:
	// 100
	// cut off: context canceled
}

func ExampleHandleStreamChan() {
	m := must(mediator.New(mediator.HandleStreamChan(func(ctx context.Context, q Quotes, out chan<- int) error {
		for price := 100; ; price++ {
			select {
			case out <- price:
			case <-ctx.Done(): // the consumer has left
				return ctx.Err()
			}
		}
	})))
	for price := range mediator.Stream(context.Background(), m, Quotes{Symbol: "ACME"}) {
		fmt.Println(price)
		if price == 101 {
			break
		}
	}
	// Output:
	// 100
	// 101
}

func ExampleStreamChan() {
	m := must(mediator.New(mediator.HandleStream(quotes)))
	s := mediator.StreamChan(context.Background(), m, Quotes{Symbol: "ACME"}, mediator.Capacity(10))
	defer func() { _ = s.Close() }()
	for price := range s.C {
		fmt.Println(price)
	}
	fmt.Println(s.Err())
	// Output:
	// 100
	// 101
	// 102
	// 103
	// <nil>
}

func ExampleCapacity() {
	m := must(mediator.New(mediator.HandleStream(quotes)))
	s := mediator.StreamChan(context.Background(), m, Quotes{}, mediator.Capacity(2))
	fmt.Println(cap(s.C), s.Close())
	// Output: 2 <nil>
}

func ExampleChanStream_Close() {
	m := must(mediator.New(mediator.HandleStream(quotes)))
	s := mediator.StreamChan(context.Background(), m, Quotes{})
	fmt.Println(<-s.C)
	fmt.Println(s.Close())
	fmt.Println(errors.Is(s.Err(), mediator.ErrStopped))
	// Output:
	// 100
	// <nil>
	// true
}

func ExampleDispatch() {
	m := must(mediator.New(mediator.Handle(placeOrder1, mediator.Named("place-order"))))
	body := `{"SKU": "x", "Qty": 2}`
	response, err := mediator.Dispatch(context.Background(), m, "place-order", func(target any) error {
		return json.Unmarshal([]byte(body), target)
	})
	fmt.Println(response, err)
	// Output: {o-1 10} <nil>
}

func ExampleDispatchTo() {
	hear := func(group string) mediator.Option {
		return mediator.Subscribe(func(_ context.Context, e OrderPlaced) error { fmt.Println(group, e.ID); return nil }, mediator.Group(group))
	}
	m := must(mediator.New(hear("stock"), hear("mail")))
	fmt.Println(mediator.DispatchTo(context.Background(), m, "mediator_test.OrderPlaced", "mail", func(target any) error {
		return json.Unmarshal([]byte(`{"ID": "o-1"}`), target)
	}))
	// Output:
	// mail o-1
	// <nil>
}

// shop is a module whose handler publishes.
type shop1 struct{ m *mediator.Mediator }

func (s *shop1) place(ctx context.Context, q PlaceOrder) (Order, error) {
	if err := mediator.Publish(ctx, s.m, OrderPlaced{ID: "o-1"}); err != nil {
		fmt.Println("a subscriber failed, the order stands:", err)
	}
	return Order{ID: "o-1"}, nil
}

func ExampleBind() {
	shop := mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		s := &shop1{m}
		return mediator.Handle(s.place)
	})
	m := must(mediator.New(shop, mediator.Subscribe(func(_ context.Context, e OrderPlaced) error {
		fmt.Println("ship", e.ID)
		return nil
	})))
	order, err := mediator.Send(context.Background(), m, PlaceOrder{})
	fmt.Println(order.ID, err)
	// Output:
	// ship o-1
	// o-1 <nil>
}

func ExamplePublisherFor() {
	m := must(mediator.New(mediator.Subscribe(func(_ context.Context, e OrderPlaced) error { fmt.Println("ship", e.ID); return nil })))
	publish := mediator.PublisherFor[OrderPlaced](m)
	fmt.Println(publish(context.Background(), OrderPlaced{ID: "o-1"}))
	// Output:
	// ship o-1
	// <nil>
}

func ExampleUse() {
	shout := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fmt.Println(strings.ToUpper(c.Name()))
		return next(ctx, c)
	})
	m := must(mediator.New(
		mediator.Use(shout), // around all of them
		mediator.Handle(placeOrder1),
		mediator.HandleStream(quotes, mediator.Use(shout)), // and once more around this one
	))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{Qty: 1})
	for range mediator.Stream(context.Background(), m, Quotes{}) {
	}
	// Output:
	// MEDIATOR_TEST.PLACEORDER
	// MEDIATOR_TEST.QUOTES
	// MEDIATOR_TEST.QUOTES
}

func ExampleAround() {
	slow := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		start := time.Now()
		err := next(ctx, c)
		if time.Since(start) > time.Minute {
			fmt.Println(c.Kind(), c.Name(), "was slow")
		}
		return err
	})
	m := must(mediator.New(mediator.Use(slow), mediator.Handle(placeOrder1)))
	order, err := mediator.Send(context.Background(), m, PlaceOrder{Qty: 1})
	fmt.Println(order.ID, err)
	// Output: o-1 <nil>
}

func ExampleBehaviorFunc() {
	twice := mediator.BehaviorFunc(func(next mediator.Next) mediator.Next {
		return func(ctx context.Context, c mediator.Call) error { // composed once a handler
			if err := next(ctx, c); err == nil {
				return nil
			}
			return next(ctx, c)
		}
	})
	calls := 0
	m := must(mediator.New(mediator.HandleCommand(func(context.Context, CancelOrder) error {
		if calls++; calls == 1 {
			return errors.New("try again")
		}
		return nil
	}, mediator.Use(twice))))
	fmt.Println(mediator.Exec(context.Background(), m, CancelOrder{}), calls)
	// Output: <nil> 2
}

func ExampleCall_SetResponse() {
	closed := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if q := c.Message().(PlaceOrder); q.SKU == "gift" {
			return c.SetResponse(Order{ID: "free"}) // without the handler
		}
		return next(ctx, c)
	})
	m := must(mediator.New(mediator.Handle(placeOrder1, mediator.Use(closed))))
	order, err := mediator.Send(context.Background(), m, PlaceOrder{SKU: "gift"})
	fmt.Println(order, err)
	// Output: {free 0} <nil>
}

func ExampleCall_View() {
	limit := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := c.View(func(message any) error {
			if q, ok := message.(*PlaceOrder); ok && q.Qty > 100 {
				return errors.New("too many")
			}
			return nil
		}); err != nil {
			return err
		}
		return next(ctx, c)
	})
	m := must(mediator.New(mediator.Use(limit), mediator.Handle(placeOrder1)))
	_, err := mediator.Send(context.Background(), m, PlaceOrder{Qty: 101})
	fmt.Println(err)
	// Output: too many
}

func ExampleCall_OnItem() {
	count := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		items := 0
		err := next(ctx, c.OnItem(func() { items++ }))
		fmt.Println(c.Name(), "delivered", items, err)
		return err
	})
	m := must(mediator.New(mediator.HandleStream(quotes, mediator.Use(count))))
	for price := range mediator.Stream(context.Background(), m, Quotes{}) {
		if price == 102 {
			break
		}
	}
	// Output: mediator_test.Quotes delivered 3 <nil>
}

func ExampleCall_KeepItems() {
	everyOther := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		n := 0
		return next(ctx, c.KeepItems(func() bool { n++; return n%2 == 1 }))
	})
	m := must(mediator.New(mediator.HandleStream(quotes, mediator.Use(everyOther))))
	for price := range mediator.Stream(context.Background(), m, Quotes{}) {
		fmt.Println(price)
	}
	// Output:
	// 100
	// 102
}

func ExampleCall_Fork() {
	first := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fork, err := c.Fork()
		if err != nil {
			return err
		}
		done := make(chan error)
		go func() { done <- next(ctx, fork) }()
		if err := <-done; err != nil {
			return err
		}
		return c.SetResponse(fork.Response())
	})
	m := must(mediator.New(mediator.Handle(placeOrder1, mediator.Use(first))))
	order, err := mediator.Send(context.Background(), m, PlaceOrder{Qty: 4})
	fmt.Println(order, err)
	// Output: {o-1 20} <nil>
}

func ExampleTyped() {
	double := mediator.Typed(func(ctx context.Context, q PlaceOrder, next func(context.Context, PlaceOrder) (Order, error)) (Order, error) {
		q.Qty *= 2
		order, err := next(ctx, q)
		order.ID += "-double"
		return order, err
	})
	m := must(mediator.New(mediator.Handle(placeOrder1, double)))
	order, err := mediator.Send(context.Background(), m, PlaceOrder{Qty: 1})
	fmt.Println(order, err)
	// Output: {o-1-double 10} <nil>
}

func ExampleNamed() {
	name := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fmt.Println(c.Name())
		return next(ctx, c)
	})
	m := must(mediator.New(mediator.Use(name), mediator.Handle(placeOrder1, mediator.Named("shop.place-order"))))
	_, _ = mediator.Send(context.Background(), m, PlaceOrder{Qty: 1})
	// Output: shop.place-order
}

func ExampleGroup() {
	m := must(mediator.New(mediator.Subscribe(func(context.Context, OrderPlaced) error { return errors.New("closed") }, mediator.Group("stock"))))
	err := mediator.Publish(context.Background(), m, OrderPlaced{})
	var failed *mediator.Error
	fmt.Println(errors.As(err, &failed), failed.Group)
	// Output: true stock
}

func ExampleOnWarning() {
	m := must(mediator.New(
		mediator.OnWarning(func(text string) { fmt.Println(text) }),
		mediator.Use(picky{"retry"}, picky{"dead letters"}),
		mediator.Handle(placeOrder1)))
	fmt.Println(m.Close(context.Background()))
	// Output:
	// mediator: retry: stands outside dead letters (around mediator_test.PlaceOrder)
	// <nil>
}
