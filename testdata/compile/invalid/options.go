package cases

import (
	"context"

	"github.com/fsmediator/mediator"
)

func place(context.Context, PlaceOrder) (Order, error) { return Order{}, nil }
func created(context.Context, OrderCreated) error      { return nil }

func trim(ctx context.Context, q PlaceOrder, next func(context.Context, PlaceOrder) (Order, error)) (Order, error) {
	return next(ctx, q)
}

func text(ctx context.Context, q PlaceOrder, next func(context.Context, PlaceOrder) (string, error)) (string, error) {
	return next(ctx, q)
}

func wrap(next mediator.Next) mediator.Next { return next }

var log = mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { return next(ctx, c) })

func wire() {
	// error: mediator.Named("orders.place") … mediator.HandlerOption does not implement mediator.Option
	mediator.New(mediator.Named("orders.place"))

	// error: mediator.Group("stock") … mediator.HandlerOption does not implement mediator.Option
	mediator.New(mediator.Group("stock"))

	// error: mediator.Typed(trim) … mediator.HandlerOption does not implement mediator.Option
	mediator.New(mediator.Typed(trim))

	// error: mediator.Background() … mediator.PublishOption does not implement mediator.Option
	mediator.New(mediator.Background())

	// error: mediator.Capacity(1) … does not implement mediator.Option
	mediator.New(mediator.Capacity(1))

	// error: mediator.Behavior does not implement mediator.Option
	mediator.New(log)

	// error: mediator.Named("a") … mediator.HandlerOption does not implement mediator.Option
	mediator.Options(mediator.Named("a"))
}

func handle() {
	// error: mediator.Behavior does not implement mediator.HandlerOption
	mediator.Handle(place, log)

	// error: mediator.Background() … mediator.PublishOption does not implement mediator.HandlerOption
	mediator.Subscribe(created, mediator.Background())

	// error: mediator.Parallel(1) … mediator.SharedPublish does not implement mediator.HandlerOption
	mediator.Subscribe(created, mediator.Parallel(1))

	// error: mediator.Subscribe(created) … mediator.Option does not implement mediator.HandlerOption
	mediator.Handle(place, mediator.Subscribe(created))

	// error: type PlaceOrder … wrong type for method embedsReturns … have embedsReturns(Order)
	mediator.Typed(text)

	// error: func(next mediator.Next) mediator.Next … missing method Wrap
	mediator.Use(wrap)
}

func call(ctx context.Context, m *mediator.Mediator) {
	// error: mediator.Use(log) … mediator.SharedOption does not implement mediator.PublishOption
	mediator.Publish(ctx, m, OrderCreated{}, mediator.Use(log))

	// error: mediator.Group("stock") … mediator.HandlerOption does not implement mediator.PublishOption
	mediator.Publish(ctx, m, OrderCreated{}, mediator.Group("stock"))

	// error: mediator.Capacity(1) … does not implement mediator.PublishOption
	mediator.Publish(ctx, m, OrderCreated{}, mediator.Capacity(1))

	// error: mediator.Use(log) … mediator.SharedOption does not implement mediator.StreamOption
	mediator.StreamChan(ctx, m, Prices{}, mediator.Use(log))

	// error: too many arguments in call to mediator.Send
	mediator.Send(ctx, m, PlaceOrder{}, mediator.Background())
}
