// Package outside plays what a real shop would reach over the network: the payment
// provider and the mail. Its functions may be called concurrently, and again for
// the same order.
package outside

import (
	"context"
	"errors"
	"strings"

	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/notification"
	"github.com/fsmediator/mediator/examples/orders/payment"
	"github.com/fsmediator/mediator/examples/orders/sample"
)

// ErrNoAnswer is what comes of cards that end in [sample.NoAnswer].
var ErrNoAnswer = errors.New("the card's issuer does not answer")

// Charge declines the cards that the sample says are no good.
func Charge(_ context.Context, p messages.PaymentRequested) error {
	switch {
	case strings.HasSuffix(p.Card, sample.NoFunds):
		return &payment.DeclinedError{Detail: "insufficient funds"}
	case strings.HasSuffix(p.Card, sample.ExpiredCard):
		return &payment.DeclinedError{Detail: "expired card"}
	case strings.HasSuffix(p.Card, sample.NoAnswer):
		return ErrNoAnswer
	}
	return nil
}

// Refund gives back what was charged.
func Refund(context.Context, messages.PaymentRequested) error { return nil }

// Provider is the payment provider.
func Provider() payment.Provider { return payment.Provider{Charge: Charge, Refund: Refund} }

// Deliver sends a notice.
func Deliver(context.Context, notification.Notice) error { return nil }
