package main

import (
	"context"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/inventory"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
	"github.com/fsmediator/mediator/examples/orders/order"
	"github.com/fsmediator/mediator/examples/orders/outside"
	"github.com/fsmediator/mediator/examples/orders/payment"
)

// wire puts the services together in this process. It is the only place that
// knows where they run, and what stands around them: r is nil where nothing does.
func wire(stock map[string]int64, r *resilience) (*mediator.Mediator, error) {
	provider := outside.Provider()
	if r == nil {
		return mediator.New(
			order.Module(),
			inventory.Module(stock),
			payment.Module(provider),
			notification.Module(outside.Deliver),
		)
	}
	return mediator.New(
		r.around(),
		r.guard(provider),
		order.Run(r.run),
		inventory.Module(stock),
		mediator.Bind(func(m *mediator.Mediator) mediator.Option {
			return payment.Module(payment.Provider{
				Charge: func(ctx context.Context, p messages.PaymentRequested) error {
					return mediator.Exec(ctx, m, chargeCard{Payment: p})
				},
				Refund: outside.Refund,
			})
		}),
		notification.Module(outside.Deliver),
	)
}
