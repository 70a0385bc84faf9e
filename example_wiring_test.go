package mediator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/fsmediator/mediator"
)

func ExampleMediator_Inspect() {
	m := must(mediator.New(
		mediator.Handle(placeOrder1, mediator.Named("place-order")),
		mediator.HandleStream(quotes),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }, mediator.Group("stock")),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }, mediator.Group("mail")),
	))
	defer func() { _ = m.Close(context.Background()) }()

	for _, r := range m.Inspect() {
		switch r.Kind {
		case mediator.KindNotification:
			fmt.Println(r.Kind, r.Name, "to", r.Group)
		default:
			fmt.Println(r.Kind, r.Name, "by", r.Handler, "gives", r.Gives)
		}
	}
	// Output:
	// request place-order by mediator_test.placeOrder1 gives mediator_test.Order
	// notification mediator_test.OrderPlaced to stock
	// notification mediator_test.OrderPlaced to mail
	// stream mediator_test.Quotes by mediator_test.quotes gives int
}

// A store that is written before Publish returns, and delivered from later.
func ExampleRelay() {
	var stored [][]byte
	m := must(mediator.New(
		mediator.Relay(func(_ context.Context, e OrderPlaced) error {
			body, err := json.Marshal(e)
			stored = append(stored, body)
			return err
		}, mediator.Named("order-placed")),
		mediator.Subscribe(func(_ context.Context, e OrderPlaced) error {
			fmt.Println("stock:", e.ID)
			return nil
		}, mediator.Group("stock")),
		mediator.Subscribe(func(_ context.Context, e OrderPlaced) error {
			fmt.Println("mail:", e.ID)
			return nil
		}, mediator.Group("mail")),
	))
	ctx := context.Background()
	defer func() { _ = m.Close(ctx) }()

	fmt.Println("published:", mediator.Publish(ctx, m, OrderPlaced{ID: "o-1"}))
	for _, body := range stored { // by another goroutine, or after a crash
		for _, group := range []string{"stock", "mail"} {
			err := mediator.DispatchTo(ctx, m, "order-placed", group, func(target any) error { return json.Unmarshal(body, target) })
			fmt.Println("delivered:", err)
		}
	}
	// Output:
	// published: <nil>
	// stock: o-1
	// delivered: <nil>
	// mail: o-1
	// delivered: <nil>
}

// A consumer begins to take calls when the mediator can be used, and ends, with
// the call it has in progress, before the mediator closes.
func ExampleOnStart() {
	incoming, stop, stopped := make(chan CancelOrder), make(chan struct{}), make(chan struct{})
	consumer := mediator.Options(
		mediator.OnStart(func(m *mediator.Mediator) error {
			go func() {
				defer close(stopped)
				for {
					select {
					case c := <-incoming:
						fmt.Println("handled:", mediator.Exec(context.Background(), m, c))
					case <-stop:
						return
					}
				}
			}()
			return nil
		}),
		mediator.OnClose(func(ctx context.Context) error {
			close(stop)
			select {
			case <-stopped:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}),
	)
	m := must(mediator.New(consumer, mediator.HandleCommand(func(_ context.Context, c CancelOrder) error {
		fmt.Println("cancel", c.ID)
		return nil
	})))
	incoming <- CancelOrder{ID: "o-1"}
	fmt.Println("closed:", m.Close(context.Background()))
	// Output:
	// cancel o-1
	// handled: <nil>
	// closed: <nil>
}

func ExampleOnClose() {
	says := func(what string) mediator.Option {
		return mediator.OnClose(func(context.Context) error { fmt.Println(what); return nil })
	}
	m := must(mediator.New(says("close the database"), says("stop the consumer")))
	fmt.Println(m.Close(context.Background()))
	// Output:
	// stop the consumer
	// close the database
	// <nil>
}

// ready is a behavior that tells a load balancer when to look elsewhere.
type ready struct{}

func (*ready) Wrap(next mediator.Next) mediator.Next { return next }
func (*ready) MediatorClosing()                      { fmt.Println("not ready any more") }

func ExampleCloseWatcher() {
	m := must(mediator.New(
		mediator.Use(&ready{}),
		mediator.OnClose(func(context.Context) error { fmt.Println("stop the consumer"); return nil }),
	))
	fmt.Println(m.Close(context.Background()))
	// Output:
	// not ready any more
	// stop the consumer
	// <nil>
}

func ExampleDispatchStream() {
	m := must(mediator.New(mediator.HandleStream(quotes, mediator.Named("quotes"))))
	ctx := context.Background()
	defer func() { _ = m.Close(ctx) }()

	body := []byte(`{"Symbol":"ACME"}`) // as it came over a wire
	for item, err := range mediator.DispatchStream(ctx, m, "quotes", func(target any) error { return json.Unmarshal(body, target) }) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(item)
	}
	// Output:
	// 100
	// 101
	// 102
	// 103
}

// What a module sends and others handle.
func ExampleNeeds() {
	_, err := mediator.New(
		mediator.Needs[PlaceOrder](),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }),
	)
	fmt.Println(err)
	// Output: mediator: new: Needs[mediator_test.PlaceOrder]: no handler for mediator_test.PlaceOrder: register one with Handle in New
}

// A module whose behaviors are its own.
func ExampleScope() {
	logged := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fmt.Println("stock:", c.Name())
		return next(ctx, c)
	})
	stock := mediator.Scope(
		mediator.Use(logged),
		mediator.Subscribe(func(context.Context, OrderPlaced) error { return nil }, mediator.Group("stock")),
	)
	m := must(mediator.New(stock, mediator.Handle(placeOrder1)))
	ctx := context.Background()
	defer func() { _ = m.Close(ctx) }()

	_, err := mediator.Send(ctx, m, PlaceOrder{SKU: "cup", Qty: 1})
	fmt.Println(err)
	fmt.Println(mediator.Publish(ctx, m, OrderPlaced{ID: "o-1"}))
	// Output:
	// <nil>
	// stock: mediator_test.OrderPlaced
	// <nil>
}

// stopwatch keeps no Call and takes no time of its own, so a call through it needs no
// guard, and the next behavior that asks for the time need not read the clock again.
type stopwatch struct{ took atomic.Int64 }

func (w *stopwatch) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		begun := c.Now()
		err := next(ctx, c)
		w.took.Store(int64(c.Now() - begun))
		return err
	}
}

func (*stopwatch) ScopedCall() bool  { return true }
func (*stopwatch) SharesClock() bool { return true }

func ExampleClockSharer() {
	w := &stopwatch{}
	m := must(mediator.New(mediator.Use(w), mediator.Handle(func(_ context.Context, p PlaceOrder) (Order, error) {
		return Order{ID: p.SKU}, nil
	})))
	o, err := mediator.Send(context.Background(), m, PlaceOrder{SKU: "cup"})
	fmt.Println(o.ID, w.took.Load() > 0, err)
	// Output: cup true <nil>
}
