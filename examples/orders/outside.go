package main

import (
	"context"
	"strings"

	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
	"github.com/fsmediator/mediator/examples/orders/payment"
	"github.com/fsmediator/mediator/examples/orders/sample"
)

// What a real shop would reach over the network is played by these functions.

// charge declines the cards that the sample says are no good.
func charge(_ context.Context, p messages.PaymentRequested) error {
	switch {
	case strings.HasSuffix(p.Card, sample.NoFunds):
		return &payment.DeclinedError{Detail: "insufficient funds"}
	case strings.HasSuffix(p.Card, sample.ExpiredCard):
		return &payment.DeclinedError{Detail: "expired card"}
	}
	return nil
}

func refund(context.Context, messages.PaymentRequested) error { return nil }

func deliver(context.Context, notification.Notice) error { return nil }
