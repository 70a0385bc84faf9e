package order

import (
	"maps"
	"strconv"
	"sync"

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

// book holds the open orders and the totals of all. It is safe for concurrent
// use. Its size is that of the orders in progress.
type book struct {
	run string // what the IDs begin with

	mu      sync.Mutex
	entries map[string]*entry
	counts  messages.OrderCounts
}

func newBook(run string) *book {
	return &book{run: run, entries: map[string]*entry{}, counts: messages.OrderCounts{Cancelled: map[messages.Reason]int64{}}}
}

// add opens an order.
func (b *book) add(p messages.PlaceOrder) messages.OrderCreated {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.Placed++
	b.counts.Open++
	o := messages.OrderCreated{
		OrderID: b.run + strconv.FormatInt(b.counts.Placed, 10), Customer: p.Customer, Email: p.Email,
		SKU: p.SKU, Qty: p.Qty, UnitCents: p.UnitCents, Card: p.Card,
	}
	b.entries[o.OrderID] = &entry{order: o}
	return o
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

// advance takes an order to a step and counts it there, once. It is false if the
// order is unknown or past that step: what asked for it comes too late.
func (b *book) advance(id string, to step, why messages.Reason) (messages.OrderCreated, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[id]
	if !ok || e.step > to || e.step == completed && to != completed {
		return messages.OrderCreated{}, false
	}
	if e.step == to {
		return e.order, true
	}
	e.step = to
	switch to {
	case completed:
		b.counts.Completed++
		b.counts.Open--
		b.counts.RevenueCents += e.order.TotalCents()
	case cancelled:
		b.counts.Cancelled[why]++
		b.counts.Open--
	}
	return e.order, true
}

// forget drops what is known of an order. Its count stays.
func (b *book) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, id)
}

func (b *book) totals() messages.OrderCounts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts
	c.Cancelled = maps.Clone(c.Cancelled)
	return c
}
