// Package payment is the payment service: it charges the cards of orders, and
// gives the money back if an order is cancelled after that.
package payment

import (
	"context"
	"errors"
	"sync"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/closed"
	"github.com/fsmediator/mediator/examples/orders/ledger"
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
func Module(p Provider) mediator.Option { return Kept(p, nil) }

// Kept is [Module] with what was charged in l too: another process, with the same
// l, goes on with it.
func Kept(p Provider, l *ledger.Ledger) mediator.Option {
	return mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		s := &service{m: m, provider: p, kept: l, taken: map[string]messages.PaymentRequested{},
			refused: map[string]*DeclinedError{}, busy: map[string]struct{}{}}
		group := mediator.Group("payment")
		return mediator.Options(
			ledger.Loaded(s.load()),
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
	kept     *ledger.Ledger

	mu      sync.Mutex
	taken   map[string]messages.PaymentRequested // by order, open orders only
	refused map[string]*DeclinedError            // likewise
	busy    map[string]struct{}                  // orders that are being charged
	over    closed.Set                           // orders that are to be charged no more
	counts  messages.PaymentCounts
}

func (s *service) requested(ctx context.Context, p messages.PaymentRequested) error {
	at, declined := s.begin(p.OrderID)
	if at == isOver {
		return nil
	}
	if at == isNew {
		var err error
		if declined, err = s.charge(ctx, p); err != nil {
			return err
		}
	}
	if declined != nil {
		return mediator.Publish(ctx, s.m, messages.PaymentFailed{OrderID: p.OrderID, Detail: declined.Detail})
	}
	return mediator.Publish(ctx, s.m, messages.PaymentProcessed{OrderID: p.OrderID})
}

// charge takes the money of an order that has begun, unless the card is declined.
func (s *service) charge(ctx context.Context, p messages.PaymentRequested) (*DeclinedError, error) {
	defer s.ready(p.OrderID)
	err := s.provider.Charge(ctx, p)
	declined, ok := errors.AsType[*DeclinedError](err)
	if err != nil && !ok {
		return nil, err
	}
	if err := s.keep(p, begun, declined); err != nil {
		return nil, err
	}
	if declined != nil {
		s.decline(p, declined)
	} else {
		s.take(p)
	}
	return declined, nil
}

func (s *service) completed(_ context.Context, e messages.OrderCompleted) error {
	o := e.Order
	if err := s.keep(messages.PaymentRequested{OrderID: o.OrderID, Card: o.Card, Cents: o.TotalCents()}, paid, nil); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over.Add(o.OrderID)
	delete(s.taken, o.OrderID)
	return nil
}

var errBusy = errors.New("the order is just being charged")

func (s *service) cancelled(ctx context.Context, e messages.OrderCancelled) error {
	if !s.close(e.Order.OrderID) {
		return errBusy
	}
	p, ok := s.payment(e.Order.OrderID)
	if !ok {
		return s.giveUp(e.Order.OrderID)
	}
	if err := s.provider.Refund(ctx, p); err != nil {
		return err
	}
	if err := s.keep(p, refunded, nil); err != nil {
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
		if !s.close(o.OrderID) {
			return errBusy
		}
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

// What a charge finds of its order.
const (
	isNew = iota
	isTaken
	isRefused
	isOver
)

// begin tells how far an order is; one that is new is busy until ready.
func (s *service) begin(id string) (at int, declined *DeclinedError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Has(id) {
		return isOver, nil
	}
	if _, ok := s.taken[id]; ok {
		return isTaken, nil
	}
	if declined, ok := s.refused[id]; ok {
		return isRefused, declined
	}
	s.busy[id] = struct{}{}
	return isNew, nil
}

func (s *service) ready(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, id)
}

// close has an order charged no more, unless it is busy.
func (s *service) close(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.busy[id]; ok {
		return false
	}
	s.over.Add(id)
	return true
}

// giveUp notes that nothing was charged for an order that is closed.
func (s *service) giveUp(id string) error {
	s.mu.Lock()
	declined := s.refused[id]
	s.mu.Unlock()
	if err := s.keep(messages.PaymentRequested{OrderID: id}, without, declined); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, id)
	return nil
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

func (s *service) decline(p messages.PaymentRequested, declined *DeclinedError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.refused[p.OrderID]; !ok {
		s.refused[p.OrderID] = declined
		s.counts.Declined++
	}
}
