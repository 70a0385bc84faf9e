package cases

import (
	"context"

	"github.com/fsmediator/mediator"
)

// checkout needs one request, and does not know the mediator.
type checkout struct {
	place  func(context.Context, PlaceOrder) (Order, error)
	cancel func(context.Context, CancelOrder) (struct{}, error)
}

func wire(m *mediator.Mediator) checkout {
	return checkout{
		place:  mediator.SenderFor[PlaceOrder](m),
		cancel: mediator.SenderFor[CancelOrder](m),
	}
}

// anyOf sends what it is given without knowing its type.
func anyOf(ctx context.Context, m *mediator.Mediator, q mediator.Request[Order]) (Order, error) {
	return mediator.Send(ctx, m, q)
}
