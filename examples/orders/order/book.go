package order

import (
	"maps"
	"strconv"
	"sync"

	"github.com/fsmediator/mediator/examples/orders/closed"
	"github.com/fsmediator/mediator/examples/orders/ledger"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// step is how far an order is. It only ever grows, and an order that is completed
// or cancelled stays so.
type step int

const (
	reserving step = iota
	paying
	completed
	cancelled
)

// entry is an order that is not forgotten yet.
type entry struct {
	order messages.OrderCreated
	step  step
}

// record is what the ledger has of an order.
type record struct {
	Order  messages.OrderCreated `json:"order"`
	Reason messages.Reason       `json:"reason,omitempty"`
}

// book holds the open orders and the totals of all. It is safe for concurrent
// use. Its size is that of the orders in progress.
type book struct {
	run  string // what the IDs begin with
	kept *ledger.Ledger

	mu      sync.Mutex
	entries map[string]*entry
	over    closed.Set // orders that are forgotten
	counts  messages.OrderCounts
}

func newBook(run string, kept *ledger.Ledger) *book {
	return &book{run: run, kept: kept, entries: map[string]*entry{}, counts: messages.OrderCounts{Cancelled: map[messages.Reason]int64{}}}
}

// untold is what nobody may have heard, and no message comes that has it told again.
type untold struct {
	created []messages.OrderCreated
	failed  []messages.OrderCancelled
}

// load takes up what the ledger has.
func (b *book) load() (u untold, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e, err := range ledger.All[record](b.kept) {
		if err != nil {
			return u, err
		}
		b.counts.Placed++
		b.counts.Open++
		at, o := step(e.Step), e.Record.Order
		b.count(o, at, e.Record.Reason)
		if at >= completed {
			b.over.Add(e.ID)
		} else {
			b.entries[e.ID] = &entry{order: o, step: at}
		}
		switch {
		case at == reserving:
			u.created = append(u.created, o)
		case at == cancelled && e.Record.Reason == messages.Failed:
			u.failed = append(u.failed, messages.OrderCancelled{Order: o, Reason: messages.Failed})
		}
	}
	return u, nil
}

// add opens an order, unless it has an ID by which it was placed before. begun tells
// whether the inventory has to hear of it.
func (b *book) add(p messages.PlaceOrder) (o messages.OrderCreated, begun bool, err error) {
	o, begun = b.enter(p)
	if begun {
		err = b.kept.Put(o.OrderID, int(reserving), record{Order: o})
	}
	return o, begun, err
}

func (b *book) enter(p messages.PlaceOrder) (o messages.OrderCreated, begun bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := p.OrderID
	if id != "" {
		if e, ok := b.entries[id]; ok {
			return e.order, e.step == reserving
		}
		if b.over.Has(id) {
			return messages.OrderCreated{OrderID: id}, false
		}
	}
	b.counts.Placed++
	b.counts.Open++
	if id == "" {
		id = b.run + strconv.FormatInt(b.counts.Placed, 10)
	}
	o = messages.OrderCreated{
		OrderID: id, Customer: p.Customer, Email: p.Email, SKU: p.SKU, Qty: p.Qty, UnitCents: p.UnitCents, Card: p.Card,
	}
	b.entries[id] = &entry{order: o}
	return o, true
}

// resume opens an order that has an ID already.
func (b *book) resume(o messages.OrderCreated) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.entries[o.OrderID]; ok {
		return
	}
	b.counts.Resumed++
	b.counts.Open++
	b.entries[o.OrderID] = &entry{order: o}
}

// open tells whether the order is neither completed nor cancelled.
func (b *book) open(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[id]
	return ok && e.step < completed
}

// advance takes an order to a step and counts it there, once. It is not ok if the
// order is unknown or past that step: what asked for it comes too late.
func (b *book) advance(id string, to step, why messages.Reason) (o messages.OrderCreated, ok bool, err error) {
	o, at, ok := b.move(id, to, why)
	if !ok {
		// An order that is over is forgotten, but the process that told so may have
		// died before it had told all.
		var r record
		var n int
		if r, n, ok, err = ledger.Get[record](b.kept, id); err != nil || !ok || step(n) != to || to < completed {
			return o, false, err
		}
		return r.Order, true, nil
	}
	return o, true, b.kept.Put(id, int(at), record{Order: o, Reason: why})
}

func (b *book) move(id string, to step, why messages.Reason) (o messages.OrderCreated, at step, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[id]
	if !ok || e.step > to || e.step == completed && to != completed {
		return messages.OrderCreated{}, 0, false
	}
	if e.step != to {
		e.step = to
		b.count(e.order, to, why)
	}
	return e.order, e.step, true
}

// count counts an open order that has come to a step.
func (b *book) count(o messages.OrderCreated, at step, why messages.Reason) {
	switch at {
	case completed:
		b.counts.Completed++
		b.counts.Open--
		b.counts.RevenueCents += o.TotalCents()
	case cancelled:
		b.counts.Cancelled[why]++
		b.counts.Open--
	}
}

// forget drops what is known of an order. Its count stays.
func (b *book) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, id)
	b.over.Add(id)
}

func (b *book) totals() messages.OrderCounts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts
	c.Cancelled = maps.Clone(c.Cancelled)
	return c
}
