package cases

import (
	"context"
	"iter"

	"github.com/fsmediator/mediator"
)

type shop struct{ next int }

func (s *shop) Place(context.Context, PlaceOrder) (Order, error)         { return Order{ID: s.next}, nil }
func (s *shop) Cancel(context.Context, CancelOrder) error                { return nil }
func (s *shop) Prices(context.Context, Prices) iter.Seq2[float64, error] { return nil }
func (s *shop) PricesTo(context.Context, Prices, chan<- float64) error   { return nil }
func (s shop) Created(context.Context, OrderCreated) error               { return nil }
func (s shop) Around(ctx context.Context, c mediator.Call, next mediator.Next) error {
	return next(ctx, c)
}

func wire(s *shop) (*mediator.Mediator, error) {
	return mediator.New(
		mediator.Use(mediator.Around(s.Around)),
		mediator.Handle(s.Place),
		mediator.HandleCommand(s.Cancel),
		mediator.HandleStream(s.Prices),
		mediator.HandleStreamChan(s.PricesTo),
		mediator.Subscribe(s.Created),
	)
}
