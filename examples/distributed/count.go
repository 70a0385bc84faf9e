package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// counts is what the services say at about one moment.
type counts struct {
	orders   messages.OrderCounts
	payments messages.PaymentCounts
	notices  int64
	stock    []messages.StockLevel
	reserved int64
	letters  int64 // dead ones
	untold   int64 // of these, notices
	dead     int64 // open orders with a letter, which is all that goes on
}

// look asks all services, and looks through the dead letters.
func look(ctx context.Context, m *mediator.Mediator, letters deadletter.Store) (c counts, err error) {
	open := map[string]struct{}{}
	for l, err := range deadletter.All(ctx, letters, deadletter.Filter{}) {
		if err != nil {
			return c, err
		}
		c.letters++
		if l.Group == "notification" {
			c.untold++
		}
		id := orderOf(l)
		state, err := mediator.Send(ctx, m, messages.FindOrder{OrderID: id})
		if err != nil {
			return c, err
		}
		if state.Open {
			open[id] = struct{}{}
		}
	}
	c.dead = int64(len(open))
	if c.orders, err = mediator.Send(ctx, m, messages.CountOrders{}); err != nil {
		return c, err
	}
	if c.payments, err = mediator.Send(ctx, m, messages.CountPayments{}); err != nil {
		return c, err
	}
	notices, err := mediator.Send(ctx, m, messages.CountNotices{})
	if err != nil {
		return c, err
	}
	c.notices = notices.Sent
	for level, err := range mediator.Stream(ctx, m, messages.ListStock{}) {
		if err != nil {
			return c, err
		}
		c.stock = append(c.stock, level)
		c.reserved += level.Reserved
	}
	return c, nil
}

// orderOf returns the ID of the order that a letter is about.
func orderOf(l deadletter.Letter) string {
	var event struct {
		OrderID string                `json:"order_id"`
		Order   messages.OrderCreated `json:"order"`
	}
	if err := json.Unmarshal(l.Body, &event); err != nil {
		return "" // of a stranger's message, and so about no order
	}
	if event.OrderID != "" {
		return event.OrderID
	}
	return event.Order.OrderID
}

// problems says where the numbers do not add up, or not yet.
func (c counts) problems() (all []string) {
	differ := func(what string, got int64, than string, want int64) {
		if got != want {
			all = append(all, fmt.Sprintf("%s is %d, %s is %d", what, got, than, want))
		}
	}
	over := c.orders.Completed + c.orders.Compensated()
	differ("placed", c.orders.Placed, "completed + compensated + dead-lettered", over+c.dead)
	differ("orders still open", c.orders.Open, "those that wait for a dead letter", c.dead)
	differ("notices", c.notices, "the orders that are over, less the dead letters of notices", over-c.untold)
	if c.letters > 0 {
		return all // what letters wait for is in none of the other sums
	}
	differ("revenue", c.orders.RevenueCents, "payments less refunds", c.payments.ChargedCents-c.payments.RefundedCents)
	differ("payments of unfinished orders", c.payments.Open, "none", 0)
	differ("goods still reserved", c.reserved, "none", 0)
	return all
}

// progress tells one state from the next.
func (c counts) progress() string {
	return fmt.Sprint(c.orders, c.payments, c.notices, c.reserved, c.letters)
}

const lookEvery = 100 * time.Millisecond

// settle waits until the numbers add up, and returns them. It gives up when nothing
// has changed for as long as patience lasts, or ctx ends.
func settle(ctx context.Context, m *mediator.Mediator, letters deadletter.Store, patience time.Duration, tell func(counts)) (counts, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, changed := "", time.Now()
	for {
		c, err := look(ctx, m, letters)
		if err == nil && len(c.problems()) == 0 {
			return c, nil
		}
		if now := c.progress(); err == nil && now != last {
			last, changed = now, time.Now()
			tell(c)
		}
		if time.Since(changed) > patience || ctx.Err() != nil {
			return c, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
