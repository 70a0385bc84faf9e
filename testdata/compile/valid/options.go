package cases

import (
	"context"

	"github.com/fsmediator/mediator"
)

func place(context.Context, PlaceOrder) (Order, error)       { return Order{}, nil }
func pricesTo(context.Context, Prices, chan<- float64) error { return nil }
func created(context.Context, OrderCreated) error            { return nil }

func log(ctx context.Context, c mediator.Call, next mediator.Next) error { return next(ctx, c) }

func trim(ctx context.Context, q PlaceOrder, next func(context.Context, PlaceOrder) (Order, error)) (Order, error) {
	return next(ctx, PlaceOrder{SKU: q.SKU[1:]})
}

// Orders is what a module exports.
func Orders() mediator.Option {
	return mediator.Options(
		mediator.Handle(place, mediator.Named("orders.place"), mediator.Typed(trim), mediator.Use(mediator.Around(log))),
		mediator.Subscribe(created, mediator.Group("stock")),
	)
}

func wire() (*mediator.Mediator, error) {
	return mediator.New(
		Orders(),
		mediator.Use(mediator.BehaviorFunc(func(next mediator.Next) mediator.Next { return next })),
		mediator.Parallel(4),
		mediator.HandleStreamChan(pricesTo, mediator.Capacity(8)),
	)
}

func call(ctx context.Context, m *mediator.Mediator) error {
	if err := mediator.Publish(ctx, m, OrderCreated{}, mediator.Background()); err != nil {
		return err
	}
	s := mediator.StreamChan(ctx, m, Prices{}, mediator.Capacity(8))
	defer func() { _ = s.Close() }()
	return mediator.Publish(ctx, m, OrderCreated{}, mediator.Sequential(), mediator.Parallel(0))
}
