package cases

import (
	"context"
	"iter"

	"github.com/fsmediator/mediator"
)

func place(context.Context, PlaceOrder) (Order, error)                 { return Order{}, nil }
func cancel(context.Context, CancelOrder) error                        { return nil }
func prices(context.Context, Prices) iter.Seq2[float64, error]         { return nil }
func pricesTo(context.Context, Prices, chan<- float64) error           { return nil }
func created(context.Context, OrderCreated) error                      { return nil }
func describe(context.Context, interface{ Describe() string }) error   { return nil }
func cancelled(context.Context, CancelOrder) (mediator.None, error)    { return mediator.None{}, nil }
func placeAll(context.Context, mediator.Request[Order]) (Order, error) { return Order{}, nil }

func wire() (*mediator.Mediator, error) {
	return mediator.New(
		mediator.Handle(place),
		mediator.HandleCommand(cancel),
		mediator.Handle(cancelled),
		mediator.HandleStream(prices),
		mediator.HandleStreamChan(pricesTo),
		mediator.Subscribe(created),
		mediator.Subscribe(describe),
		mediator.Handle(func(_ context.Context, q PlaceOrder) (Order, error) { return Order{ID: len(q.SKU)}, nil }),
	)
}

func call(ctx context.Context, m *mediator.Mediator) (order Order, price float64, err error) {
	if order, err = mediator.Send(ctx, m, PlaceOrder{SKU: "x"}); err != nil {
		return order, price, err
	}
	if err = mediator.Exec(ctx, m, CancelOrder{ID: order.ID}); err != nil {
		return order, price, err
	}
	if err = mediator.Publish(ctx, m, OrderCreated{ID: order.ID}); err != nil {
		return order, price, err
	}
	for price, err = range mediator.Stream(ctx, m, Prices{SKU: "x"}) {
		if err != nil {
			return order, price, err
		}
	}
	s := mediator.StreamChan(ctx, m, Prices{SKU: "x"})
	defer func() { _ = s.Close() }()
	price = <-s.C
	return order, price, s.Err()
}

func subscribe(m *mediator.Mediator) (func(), error) { return mediator.Listen(m, created) }
