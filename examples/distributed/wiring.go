package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/examples/orders/inventory"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
	"github.com/fsmediator/mediator/examples/orders/order"
	"github.com/fsmediator/mediator/examples/orders/outside"
	"github.com/fsmediator/mediator/examples/orders/payment"
)

// The services, in the order they are started.
var services = []string{"order", "inventory", "payment", "notification"}

// wire puts one service together, in a process of its own. What it keeps is read
// before the first event comes.
func wire(a assignment, n *natsmediator.Node, l *ledger.Ledger) (*mediator.Mediator, error) {
	switch a.Service {
	case "order":
		return mediator.New(order.Kept("o-"+a.Run+"-", l), events(n, a), mediator.OnStart(order.Resume))
	case "inventory":
		return mediator.New(inventory.Kept(a.Run, a.Stock, l), events(n, a))
	case "payment":
		return mediator.New(payment.Kept(outside.Provider(), l), events(n, a))
	case "notification":
		return mediator.New(notification.Kept(outside.Deliver, l), events(n, a))
	}
	return nil, fmt.Errorf("there is no service %q", a.Service)
}

// events has what the services publish stored, and given to each that subscribes,
// whenever its process is there.
func events(n *natsmediator.Node, a assignment) mediator.Option {
	how := []natsmediator.DurableOption{
		// An event that was in the hands of a process that died comes again after this.
		natsmediator.AckWait(2 * time.Second),
		natsmediator.Backoff(200*time.Millisecond, 2*time.Second),
		natsmediator.Attempts(5),
		natsmediator.Replicas(a.Replicas),
	}
	return mediator.Options(
		natsmediator.Durable[messages.OrderCreated](n, how...),
		natsmediator.Durable[messages.OrderCompleted](n, how...),
		natsmediator.Durable[messages.OrderCancelled](n, how...),
		natsmediator.Durable[messages.InventoryReserved](n, how...),
		natsmediator.Durable[messages.InventoryRejected](n, how...),
		natsmediator.Durable[messages.PaymentRequested](n, how...),
		natsmediator.Durable[messages.PaymentProcessed](n, how...),
		natsmediator.Durable[messages.PaymentFailed](n, how...),
	)
}

// front is the mediator of who has no service, and asks them all.
func front(n *natsmediator.Node, patience time.Duration) (*mediator.Mediator, error) {
	again := []natsmediator.RemoteOption{
		// An answer that was lost with a process is asked for again after this.
		natsmediator.Timeout(3 * time.Second),
		// All of these may be asked twice, an order since it has an ID.
		natsmediator.Use(behaviors.Retry(behaviors.RetryConfig{
			Retries: 1 << 20, Delay: 50 * time.Millisecond, MaxDelay: time.Second, MaxTotal: patience, Budget: behaviors.NoBudget(),
			RetryIf: func(err error) bool { return !errors.Is(err, messages.ErrInvalid) },
		})),
	}
	return mediator.New(
		natsmediator.Remote[messages.PlaceOrder](n, "order", again...),
		natsmediator.Remote[messages.FindOrder](n, "order", again...),
		natsmediator.Remote[messages.CountOrders](n, "order", again...),
		natsmediator.RemoteStream[messages.ListStock](n, "inventory"),
		natsmediator.Remote[messages.CountPayments](n, "payment", again...),
		natsmediator.Remote[messages.CountNotices](n, "notification", again...),
	)
}
