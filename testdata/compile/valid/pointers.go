package cases

import (
	"context"
	"iter"

	"github.com/fsmediator/mediator"
)

func get(context.Context, *Get[*Order]) (*Order, error)         { return nil, nil }
func fetch(context.Context, *PlaceOrder) (Order, error)         { return Order{}, nil }
func cancel(context.Context, *CancelOrder) error                { return nil }
func prices(context.Context, *Prices) iter.Seq2[float64, error] { return nil }
func created(context.Context, *OrderCreated) error              { return nil }

func wire() (*mediator.Mediator, error) {
	return mediator.New(
		mediator.Handle(fetch),
		mediator.Handle(get),
		mediator.HandleCommand(cancel),
		mediator.HandleStream(prices),
		mediator.Subscribe(created),
	)
}

func call(ctx context.Context, m *mediator.Mediator) (order *Order, err error) {
	var placed Order
	if placed, err = mediator.Send(ctx, m, &PlaceOrder{SKU: "x"}); err != nil {
		return &placed, err
	}
	if err = mediator.Exec(ctx, m, &CancelOrder{ID: placed.ID}); err != nil {
		return &placed, err
	}
	if err = mediator.Publish(ctx, m, &OrderCreated{ID: placed.ID}); err != nil {
		return &placed, err
	}
	for _, err = range mediator.Stream(ctx, m, &Prices{SKU: "x"}) {
		if err != nil {
			return &placed, err
		}
	}
	return mediator.Send(ctx, m, &Get[*Order]{Key: "x"})
}
