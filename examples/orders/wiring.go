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
	// The services publish to the mediator that they are wired into.
	var m *mediator.Mediator
	bus := func() *mediator.Mediator { return m }
	var err error
	m, err = mediator.New(
		order.Module(bus),
		inventory.Module(bus, stock),
		payment.Module(bus, payment.Provider{Charge: charge, Refund: refund}),
		notification.Module(deliver),
	)
	return m, err
}
