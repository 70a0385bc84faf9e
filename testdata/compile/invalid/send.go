package cases

import (
	"context"

	"github.com/fsmediator/mediator"
)

func call(ctx context.Context, m *mediator.Mediator) {
	// error: type Draft … does not satisfy mediator.Request … missing method embedsReturns
	mediator.Send(ctx, m, Draft{})

	// error: type *Draft … missing method embedsReturns
	mediator.Send(ctx, m, &Draft{})

	// error: type Prices … does not satisfy mediator.Request … missing method embedsReturns
	mediator.Send(ctx, m, Prices{})

	// error: type OrderCreated … missing method embedsReturns
	mediator.Send(ctx, m, OrderCreated{})

	// error: cannot infer R
	mediator.Send(ctx, m, "place an order")

	var text string
	// error: value of struct type Order … as string value
	text, _ = mediator.Send(ctx, m, PlaceOrder{})

	// error: PlaceOrder does not satisfy mediator.Request[string] … have embedsReturns(Order) … want embedsReturns(string)
	mediator.Send[PlaceOrder, string](ctx, m, PlaceOrder{})

	// error: type PlaceOrder … mediator.Request[mediator.None] … have embedsReturns(Order) … want embedsReturns(mediator.None)
	mediator.Exec(ctx, m, PlaceOrder{})

	// error: type Draft … missing method embedsReturns
	mediator.Exec(ctx, m, Draft{})

	// error: type Draft … missing method embedsReturns
	mediator.SenderFor[Draft](m)

	// error: func(context.Context, PlaceOrder) (Order, error) … as func(context.Context, PlaceOrder) (string, error)
	var send func(context.Context, PlaceOrder) (string, error) = mediator.SenderFor[PlaceOrder](m)

	_, _ = text, send
}

// forged has the method of a request, but not the mediator's.
type forged struct{}

func (forged) embedsReturns(Order) {}

func forge(ctx context.Context, m *mediator.Mediator) {
	// error: type forged … unexported method embedsReturns
	mediator.Send(ctx, m, forged{})
}

type twice struct {
	mediator.Returns[Order]
	mediator.Command
}

func both(ctx context.Context, m *mediator.Mediator) {
	// error: type twice … ambiguous selector
	mediator.Send(ctx, m, twice{})
}
