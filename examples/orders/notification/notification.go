// Package notification is the notification service: it tells customers how their
// orders ended.
package notification

import (
	"context"
	"fmt"
	"sync"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/closed"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// Notice is a message to a customer.
type Notice struct {
	To      string
	Subject string
	Body    string
}

// Module wires the service. deliver is called concurrently; a notice counts as
// sent when it returns nil, and no other is sent for the same order.
func Module(deliver func(ctx context.Context, n Notice) error) mediator.Option {
	return Kept(deliver, nil)
}

// Kept is [Module] with what was sent in l too: another process, with the same l,
// does not send it again, unless this one dies just after sending it.
func Kept(deliver func(ctx context.Context, n Notice) error, l *ledger.Ledger) mediator.Option {
	s := &service{deliver: deliver, kept: l}
	group := mediator.Group("notification")
	return mediator.Options(
		ledger.Loaded(s.load()),
		mediator.Subscribe(s.completed, group),
		mediator.Subscribe(s.cancelled, group),
		mediator.Handle(s.count),
	)
}

type service struct {
	deliver func(ctx context.Context, n Notice) error
	kept    *ledger.Ledger

	mu   sync.Mutex
	told closed.Set // orders whose customers know how they ended
	sent int64
}

func (s *service) completed(ctx context.Context, e messages.OrderCompleted) error {
	o := e.Order
	return s.send(ctx, o.OrderID, Notice{
		To:      o.Email,
		Subject: "Your order " + o.OrderID + " is on its way",
		Body:    fmt.Sprintf("Dear %s, %d x %s for %d.%02d will be with you soon.", o.Customer, o.Qty, o.SKU, o.TotalCents()/100, o.TotalCents()%100),
	})
}

func (s *service) cancelled(ctx context.Context, e messages.OrderCancelled) error {
	o := e.Order
	return s.send(ctx, o.OrderID, Notice{
		To:      o.Email,
		Subject: "Your order " + o.OrderID + " was cancelled",
		Body:    fmt.Sprintf("Dear %s, we could not send you %d x %s: %s. You have not been charged.", o.Customer, o.Qty, o.SKU, e.Reason),
	})
}

func (s *service) send(ctx context.Context, id string, n Notice) error {
	if s.isTold(id) {
		return nil
	}
	if err := s.deliver(ctx, n); err != nil {
		return fmt.Errorf("notice to %s: %w", n.To, err)
	}
	if err := s.kept.Put(id, 0, n); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.Add(id)
	s.sent++
	return nil
}

// load takes up what the ledger has.
func (s *service) load() error {
	for e, err := range ledger.All[Notice](s.kept) {
		if err != nil {
			return err
		}
		s.told.Add(e.ID)
		s.sent++
	}
	return nil
}

func (s *service) isTold(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told.Has(id)
}

func (s *service) count(context.Context, messages.CountNotices) (messages.NoticeCounts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return messages.NoticeCounts{Sent: s.sent}, nil
}
