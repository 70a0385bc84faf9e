package payment

import (
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// step is how far the payment of an order is.
type step int

const (
	begun   step = iota // it is charged, or refused
	without             // the order is cancelled, nothing was charged
	refunded
	paid // the order is completed
)

// record is what the ledger has of an order.
type record struct {
	Payment  messages.PaymentRequested `json:"payment"`
	Declined *DeclinedError            `json:"declined,omitempty"`
}

// keep notes how far the payment of an order is.
func (s *service) keep(p messages.PaymentRequested, to step, declined *DeclinedError) error {
	return s.kept.Put(p.OrderID, int(to), record{Payment: p, Declined: declined})
}

// load takes up what the ledger has.
func (s *service) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e, err := range ledger.All[record](s.kept) {
		if err != nil {
			return err
		}
		at, p := step(e.Step), e.Record.Payment
		if at != begun {
			s.over.Add(e.ID)
		}
		if e.Record.Declined != nil {
			s.counts.Declined++
			if at == begun {
				s.refused[e.ID] = e.Record.Declined
			}
			continue
		}
		if at == without {
			continue
		}
		s.counts.Charged++
		s.counts.ChargedCents += p.Cents
		switch at {
		case begun:
			s.taken[e.ID] = p
		case refunded:
			s.counts.RefundedCents += p.Cents
		}
	}
	return nil
}
