// Package payment is the payment service: it charges the cards of orders, and
// gives the money back if an order is cancelled after that.
package payment

import (
	"context"
	"errors"
	"sync"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/closed"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// Provider is where the money comes from. Both functions are called concurrently,
// and again for the same OrderID if the outcome of an earlier call got lost; they
// must not move the money twice.
type Provider struct {
	// Charge takes the amount. An error that is a [*DeclinedError] is final.
	Charge func(ctx context.Context, p messages.PaymentRequested) error
	// Refund gives the amount back.
	Refund func(ctx context.Context, p messages.PaymentRequested) error
}

// DeclinedError is a card's issuer saying no.
type DeclinedError struct {
	Detail string
}

// Error returns the issuer's words.
func (e *DeclinedError) Error() string { return "card declined: " + e.Detail }

// Business tells that it is an answer, and no failure that may pass.
func (e *DeclinedError) Business() bool { return true }

// Module wires the service.
func Module(p Provider) mediator.Option {
	return mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		s := &service{m: m, provider: p, taken: map[string]messages.PaymentRequested{}}
		group := mediator.Group("payment")
		return mediator.Options(
			mediator.Subscribe(s.requested, group),
			mediator.Subscribe(s.completed, group),
			mediator.Subscribe(s.cancelled, group),
			mediator.Subscribe(s.resumed, group),
			mediator.Handle(s.count),
		)
	})
}

type service struct {
	m        *mediator.Mediator
	provider Provider

	mu     sync.Mutex
	taken  map[string]messages.PaymentRequested // by order, open orders only
	over   closed.Set                           // orders that are to be charged no more
	counts messages.PaymentCounts
}

func (s *service) requested(ctx context.Context, p messages.PaymentRequested) error {
	if s.isOver(p.OrderID) {
		return nil
	}
	if _, ok := s.payment(p.OrderID); !ok {
		err := s.provider.Charge(ctx, p)
		if declined, ok := errors.AsType[*DeclinedError](err); ok {
			s.decline()
			return mediator.Publish(ctx, s.m, messages.PaymentFailed{OrderID: p.OrderID, Detail: declined.Detail})
		}
		if err != nil {
			return err
		}
		s.take(p)
	}
	return mediator.Publish(ctx, s.m, messages.PaymentProcessed{OrderID: p.OrderID})
}

func (s *service) completed(_ context.Context, e messages.OrderCompleted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over.Add(e.Order.OrderID)
	delete(s.taken, e.Order.OrderID)
	return nil
}

func (s *service) cancelled(ctx context.Context, e messages.OrderCancelled) error {
	s.close(e.Order.OrderID)
	p, ok := s.payment(e.Order.OrderID)
	if !ok {
		return nil
	}
	if err := s.provider.Refund(ctx, p); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.taken[p.OrderID]; ok {
		delete(s.taken, p.OrderID)
		s.counts.RefundedCents += p.Cents
	}
	return nil
}

func (s *service) resumed(_ context.Context, e messages.OrderResumed) error {
	o := e.Order
	switch {
	case e.Over:
		s.close(o.OrderID)
	case e.Paid:
		s.take(messages.PaymentRequested{OrderID: o.OrderID, Card: o.Card, Cents: o.TotalCents()})
	}
	return nil
}

func (s *service) count(context.Context, messages.CountPayments) (messages.PaymentCounts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Open = int64(len(s.taken))
	return c, nil
}

func (s *service) isOver(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over.Has(id)
}

func (s *service) close(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over.Add(id)
}

func (s *service) payment(id string) (messages.PaymentRequested, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.taken[id]
	return p, ok
}

func (s *service) take(p messages.PaymentRequested) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.taken[p.OrderID]; !ok {
		s.taken[p.OrderID] = p
		s.counts.Charged++
		s.counts.ChargedCents += p.Cents
	}
}

func (s *service) decline() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Declined++
}
