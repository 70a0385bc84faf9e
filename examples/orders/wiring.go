package main

import (
	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/inventory"
	"github.com/fsmediator/mediator/examples/orders/notification"
	"github.com/fsmediator/mediator/examples/orders/order"
	"github.com/fsmediator/mediator/examples/orders/payment"
)

// wire puts the services together in this process. It is the only place that
// knows where they run.
func wire(stock map[string]int64) (*mediator.Mediator, error) {
	return mediator.New(
		order.Module(),
		inventory.Module(stock),
		payment.Module(payment.Provider{Charge: charge, Refund: refund}),
		notification.Module(deliver),
	)
}
