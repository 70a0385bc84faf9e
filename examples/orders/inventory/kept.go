package inventory

import (
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// step is how far the goods of an order are.
type step int

const (
	begun   step = iota // they are held, or refused
	without             // the order is over, nothing was held
	released
	sold
)

// record is what the ledger has of an order, or of a delivery.
type record struct {
	SKU     string           `json:"sku,omitempty"`
	Qty     int64            `json:"qty,omitempty"`
	Refused messages.Reason  `json:"refused,omitempty"`
	Stock   map[string]int64 `json:"stock,omitempty"`
}

// deliveries is what their IDs in the ledger begin with. No ID of an order has a
// control character.
const deliveries = "\x01"

// keep notes how far the goods of an order are.
func (s *service) keep(o messages.OrderCreated, to step, refused messages.Reason) error {
	return s.kept.Put(o.OrderID, int(to), record{SKU: o.SKU, Qty: int64(o.Qty), Refused: refused})
}

// load takes the delivery in, once, and takes up what the ledger has.
func (s *service) load(delivery string, stock map[string]int64) error {
	if err := s.kept.Put(deliveries+delivery, 0, record{Stock: stock}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.take(stock)
	}
	for e, err := range ledger.All[record](s.kept) {
		if err != nil {
			return err
		}
		r := e.Record
		if r.Stock != nil {
			s.take(r.Stock)
			continue
		}
		at := step(e.Step)
		if at != begun {
			s.over.Add(e.ID)
		}
		switch {
		case at == begun && r.Refused != "":
			s.refused[e.ID] = r.Refused
		case at == begun:
			h := hold{shelf: s.shelf(r.SKU), qty: r.Qty}
			h.shelf.Left -= r.Qty
			h.shelf.Reserved += r.Qty
			s.holds[e.ID] = h
		case at == sold:
			s.shelf(r.SKU).Left -= r.Qty
			s.shelf(r.SKU).Sold += r.Qty
		}
	}
	return nil
}

func (s *service) take(stock map[string]int64) {
	for sku, qty := range stock {
		s.shelf(sku).Left += qty
	}
}

// shelf is that of a product, a new one if need be.
func (s *service) shelf(sku string) *messages.StockLevel {
	shelf, ok := s.shelves[sku]
	if !ok {
		shelf = &messages.StockLevel{SKU: sku}
		s.shelves[sku] = shelf
	}
	return shelf
}
