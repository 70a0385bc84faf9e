// Package notification is the notification service: it tells customers how their
// orders ended.
package notification

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// Notice is a message to a customer.
type Notice struct {
	To      string
	Subject string
	Body    string
}

// Module wires the service. deliver is called concurrently; a notice counts as
// sent when it returns nil.
func Module(deliver func(ctx context.Context, n Notice) error) mediator.Option {
	s := &service{deliver: deliver}
	group := mediator.Group("notification")
	return mediator.Options(
		mediator.Subscribe(s.completed, group),
		mediator.Subscribe(s.cancelled, group),
		mediator.Handle(s.count),
	)
}

type service struct {
	deliver func(ctx context.Context, n Notice) error
	sent    atomic.Int64
}

func (s *service) completed(ctx context.Context, e messages.OrderCompleted) error {
	o := e.Order
	return s.send(ctx, Notice{
		To:      o.Email,
		Subject: "Your order " + o.OrderID + " is on its way",
		Body:    fmt.Sprintf("Dear %s, %d x %s for %d.%02d will be with you soon.", o.Customer, o.Qty, o.SKU, o.TotalCents()/100, o.TotalCents()%100),
	})
}

func (s *service) cancelled(ctx context.Context, e messages.OrderCancelled) error {
	o := e.Order
	return s.send(ctx, Notice{
		To:      o.Email,
		Subject: "Your order " + o.OrderID + " was cancelled",
		Body:    fmt.Sprintf("Dear %s, we could not send you %d x %s: %s. You have not been charged.", o.Customer, o.Qty, o.SKU, e.Reason),
	})
}

func (s *service) send(ctx context.Context, n Notice) error {
	if err := s.deliver(ctx, n); err != nil {
		return fmt.Errorf("notice to %s: %w", n.To, err)
	}
	s.sent.Add(1)
	return nil
}

func (s *service) count(context.Context, messages.CountNotices) (messages.NoticeCounts, error) {
	return messages.NoticeCounts{Sent: s.sent.Load()}, nil
}
