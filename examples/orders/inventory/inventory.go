// Package inventory is the inventory service: it sets goods aside for new orders,
// lets them go when the order is cancelled, and writes them off when it is
// completed.
package inventory

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/closed"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// Module wires the service with the pieces of each SKU that are there at the
// start.
func Module(stock map[string]int64) mediator.Option { return Kept("", stock, nil) }

// Kept is [Module] with what is held, and sold, in l too: another process, with the
// same l, goes on with it. The stock is a delivery with a name, and comes in once;
// one with another name comes on top.
func Kept(delivery string, stock map[string]int64, l *ledger.Ledger) mediator.Option {
	return mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		s := &service{m: m, kept: l, shelves: map[string]*messages.StockLevel{}, holds: map[string]hold{}, refused: map[string]messages.Reason{}}
		group := mediator.Group("inventory")
		return mediator.Options(
			ledger.Loaded(s.load(delivery, stock)),
			mediator.Subscribe(s.created, group),
			mediator.Subscribe(s.completed, group),
			mediator.Subscribe(s.cancelled, group),
			mediator.Subscribe(s.resumed, group),
			mediator.HandleStream(s.list),
		)
	})
}

type service struct {
	m    *mediator.Mediator
	kept *ledger.Ledger

	mu      sync.Mutex
	shelves map[string]*messages.StockLevel
	holds   map[string]hold            // by order, open orders only
	refused map[string]messages.Reason // likewise
	over    closed.Set                 // orders that nothing is held for any more
}

// hold is what is set aside for one order.
type hold struct {
	shelf *messages.StockLevel
	qty   int64
}

func (s *service) created(ctx context.Context, o messages.OrderCreated) error {
	why, over := s.reserve(o)
	if over {
		return nil
	}
	if err := s.keep(o, begun, why); err != nil {
		return err
	}
	if why != "" {
		return mediator.Publish(ctx, s.m, messages.InventoryRejected{OrderID: o.OrderID, Reason: why})
	}
	return mediator.Publish(ctx, s.m, messages.InventoryReserved{OrderID: o.OrderID})
}

func (s *service) completed(_ context.Context, e messages.OrderCompleted) error {
	return s.release(e.Order, sold, func(h hold) { h.shelf.Sold += h.qty })
}

func (s *service) cancelled(_ context.Context, e messages.OrderCancelled) error {
	return s.release(e.Order, released, func(h hold) { h.shelf.Left += h.qty })
}

// resumed sets aside what another process had set aside: it is not in the stock
// that this one began with.
func (s *service) resumed(_ context.Context, e messages.OrderResumed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := e.Order.OrderID
	if e.Over {
		s.over.Add(id)
	}
	if _, ok := s.holds[id]; ok || !e.Reserved || e.Over {
		return nil
	}
	shelf := s.shelf(e.Order.SKU)
	qty := int64(e.Order.Qty)
	shelf.Reserved += qty
	s.holds[id] = hold{shelf: shelf, qty: qty}
	return nil
}

// reserve sets the goods aside, once for each order, or says why it cannot, or
// that the order is over. Asked again, it says the same.
func (s *service) reserve(o messages.OrderCreated) (why messages.Reason, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Has(o.OrderID) {
		return "", true
	}
	if why, ok := s.refused[o.OrderID]; ok {
		return why, false
	}
	if _, ok := s.holds[o.OrderID]; ok {
		return "", false
	}
	shelf, ok := s.shelves[o.SKU]
	qty := int64(o.Qty)
	switch {
	case !ok:
		why = messages.UnknownSKU
	case shelf.Left < qty:
		why = messages.OutOfStock
	}
	if why != "" {
		s.refused[o.OrderID] = why
		return why, false
	}
	shelf.Left -= qty
	shelf.Reserved += qty
	s.holds[o.OrderID] = hold{shelf: shelf, qty: qty}
	return "", false
}

// release ends the hold of an order that is over, if there is one, and has the
// goods go where they belong.
func (s *service) release(o messages.OrderCreated, to step, move func(hold)) error {
	if !s.end(o.OrderID) {
		to = without
	}
	if err := s.keep(o, to, ""); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holds[o.OrderID]
	if !ok {
		return nil
	}
	delete(s.holds, o.OrderID)
	h.shelf.Reserved -= h.qty
	move(h)
	return nil
}

// end has nothing more held for an order, and tells whether something is.
func (s *service) end(id string) (held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over.Add(id)
	delete(s.refused, id)
	_, held = s.holds[id]
	return held
}

// list yields a picture of one moment: the lock is not held while the consumer
// works.
func (s *service) list(context.Context, messages.ListStock) iter.Seq2[messages.StockLevel, error] {
	return func(yield func(messages.StockLevel, error) bool) {
		for _, level := range s.levels() {
			if !yield(level, nil) {
				return
			}
		}
	}
}

func (s *service) levels() []messages.StockLevel {
	s.mu.Lock()
	defer s.mu.Unlock()
	levels := make([]messages.StockLevel, 0, len(s.shelves))
	for _, sku := range slices.Sorted(maps.Keys(s.shelves)) {
		levels = append(levels, *s.shelves[sku])
	}
	return levels
}
