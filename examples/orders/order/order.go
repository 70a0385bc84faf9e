// Package order is the order service. It owns the saga of every order: it
// accepts it, asks for the next step as the other services report theirs, and
// ends by completing the order or by cancelling it, whereupon the others undo
// what they did.
//
//	PlaceOrder -> OrderCreated -> InventoryReserved -> PaymentRequested -> PaymentProcessed -> OrderCompleted
//	                           \> InventoryRejected                     \> PaymentFailed    \> OrderCancelled
package order

import (
	"context"
	"errors"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// Module wires the service. Its orders have the IDs o1, o2 and so on.
func Module() mediator.Option { return Run("o") }

// Run is [Module] with IDs that begin with run instead: where orders outlive the
// process, each needs IDs of its own.
func Run(run string) mediator.Option { return Kept(run, nil) }

// Kept is [Run] with the orders in l too: another process, with the same l, goes on
// with those that this one leaves open, see [Resume].
func Kept(run string, l *ledger.Ledger) mediator.Option {
	return mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		s := &service{m: m, book: newBook(run, l)}
		group := mediator.Group("order")
		return mediator.Options(
			s.takeUp(l),
			mediator.Handle(s.place),
			mediator.Handle(s.count),
			mediator.Handle(s.find),
			mediator.Subscribe(s.resumed, group),
			mediator.Subscribe(s.reserved, group),
			mediator.Subscribe(s.rejected, group),
			mediator.Subscribe(s.paid, group),
			mediator.Subscribe(s.declined, group),
		)
	})
}

type service struct {
	m    *mediator.Mediator
	book *book
}

func (s *service) place(ctx context.Context, p messages.PlaceOrder) (messages.Receipt, error) {
	if err := p.Validate(); err != nil {
		return messages.Receipt{}, err
	}
	o, begun, err := s.book.add(p)
	if err != nil || !begun {
		return messages.Receipt{OrderID: o.OrderID}, err
	}
	// It is accepted now, whether or not its customer waits for the receipt.
	ctx = context.WithoutCancel(ctx)
	if err = mediator.Publish(ctx, s.m, o); err != nil && p.OrderID == "" {
		// Nobody will take this order any further: what was done for it is undone,
		// unless it had come to its end and only the telling failed.
		err = errors.Join(err, s.end(ctx, o.OrderID, cancelled, messages.Failed))
		s.book.forget(o.OrderID)
	}
	return messages.Receipt{OrderID: o.OrderID}, err
}

func (s *service) reserved(ctx context.Context, e messages.InventoryReserved) error {
	o, ok, err := s.book.advance(e.OrderID, paying, "")
	if err != nil || !ok {
		return err
	}
	return mediator.Publish(ctx, s.m, messages.PaymentRequested{OrderID: o.OrderID, Card: o.Card, Cents: o.TotalCents()})
}

func (s *service) rejected(ctx context.Context, e messages.InventoryRejected) error {
	return s.end(ctx, e.OrderID, cancelled, e.Reason)
}

func (s *service) paid(ctx context.Context, e messages.PaymentProcessed) error {
	return s.end(ctx, e.OrderID, completed, "")
}

func (s *service) declined(ctx context.Context, e messages.PaymentFailed) error {
	return s.end(ctx, e.OrderID, cancelled, messages.Declined)
}

// end takes the order to its last step and tells everybody. Only then is it
// forgotten, so that a step that is reported again is told again.
func (s *service) end(ctx context.Context, id string, last step, why messages.Reason) error {
	o, ok, err := s.book.advance(id, last, why)
	if err != nil || !ok {
		return err
	}
	if last == completed {
		err = mediator.Publish(ctx, s.m, messages.OrderCompleted{Order: o})
	} else {
		err = mediator.Publish(ctx, s.m, messages.OrderCancelled{Order: o, Reason: why})
	}
	if err == nil {
		s.book.forget(id)
	}
	return err
}

func (s *service) count(context.Context, messages.CountOrders) (messages.OrderCounts, error) {
	return s.book.totals(), nil
}

func (s *service) find(_ context.Context, q messages.FindOrder) (messages.OrderState, error) {
	return messages.OrderState{Open: s.book.open(q.OrderID)}, nil
}

func (s *service) resumed(_ context.Context, e messages.OrderResumed) error {
	if !e.Over {
		s.book.resume(e.Order)
	}
	return nil
}
