package cases

import (
	"context"

	"github.com/fsmediator/mediator"
)

func draft(context.Context, Draft) (Order, error)      { return Order{}, nil }
func text(context.Context, PlaceOrder) (string, error) { return "", nil }
func noResponse(context.Context, PlaceOrder) error     { return nil }
func noError(context.Context, PlaceOrder) Order        { return Order{} }
func noContext(PlaceOrder) (Order, error)              { return Order{}, nil }
func stream(context.Context, Prices) (float64, error)  { return 0, nil }
func cancel(context.Context, CancelOrder) error        { return nil }
func place(context.Context, PlaceOrder) (Order, error) { return Order{}, nil }
func forget(context.Context, OrderCreated)             {}

func wire(m *mediator.Mediator) {
	// error: type Draft … missing method embedsReturns
	mediator.Handle(draft)

	// error: type PlaceOrder … wrong type for method embedsReturns … have embedsReturns(Order)
	mediator.Handle(text)

	// error: func(context.Context, PlaceOrder) error … does not match … (R, error)
	mediator.Handle(noResponse)

	// error: func(context.Context, PlaceOrder) Order … does not match … (R, error)
	mediator.Handle(noError)

	// error: func(PlaceOrder) (Order, error) … does not match func(context.Context, Q) (R, error)
	mediator.Handle(noContext)

	// error: type Prices … missing method embedsReturns
	mediator.Handle(stream)

	// error: func(context.Context, CancelOrder) error … does not match … (R, error)
	mediator.Handle(cancel)

	// error: type PlaceOrder … mediator.Request[mediator.None] … have embedsReturns(Order)
	mediator.HandleCommand(noResponse)

	// error: (Order, error) … does not match … func(context.Context, C) error
	mediator.HandleCommand(place)

	// error: func(context.Context, OrderCreated) … does not match … func(context.Context, N) error
	mediator.Subscribe(forget)

	// error: func(context.Context, OrderCreated) … does not match … func(context.Context, N) error
	mediator.Listen(m, forget)
}
