package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// letterCount is the dead letters of one message to one subscriber.
type letterCount struct {
	Message string `json:"message"`
	Group   string `json:"group"`
	Letters int64  `json:"letters"`
}

// letters is what the store holds at one moment.
type letters struct {
	own, earlier int64         // of this run, of runs before
	byHandler    []letterCount // of this run, the most first
	dead         int64         // orders of which a letter is all that goes on
}

// look counts the letters, and the open orders that they are about.
func (r *resilience) look(ctx context.Context, m *mediator.Mediator) (letters, error) {
	type handler struct{ message, group string }
	var found letters
	counts := map[handler]int64{}
	orders := map[string]struct{}{}
	for l, err := range deadletter.All(ctx, r.store, deadletter.Filter{}) {
		if err != nil {
			return letters{}, err
		}
		if o, err := orderIn(l); err == nil {
			orders[o.OrderID] = struct{}{}
		}
		if l.Headers[runHeader] != r.run {
			found.earlier++
			continue
		}
		found.own++
		counts[handler{l.Name, l.Group}]++
	}
	for h, n := range counts {
		found.byHandler = append(found.byHandler, letterCount{h.message, h.group, n})
	}
	slices.SortFunc(found.byHandler, func(a, b letterCount) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Group, b.Group))
	})
	for id := range orders {
		state, err := mediator.Send(ctx, m, messages.FindOrder{OrderID: id})
		if err != nil {
			return letters{}, err
		}
		if state.Open {
			found.dead++
		}
	}
	return found, nil
}

// orderIn returns the order that a letter's header names.
func orderIn(l deadletter.Letter) (o messages.OrderCreated, err error) {
	err = json.Unmarshal([]byte(l.Headers[orderHeader]), &o)
	return o, err
}

// redriveSummary is what a redrive did.
type redriveSummary struct {
	Redriven       int     `json:"redriven"`
	Failed         int     `json:"failed"`
	Skipped        int     `json:"skipped"`
	ResumedOrders  int64   `json:"resumed_orders"` // begun in earlier runs
	ElapsedSeconds float64 `json:"elapsed_seconds"`

	begun bool // the services know the orders of earlier runs
}

// redrive clears the faults and has all letters handled again.
func (r *resilience) redrive(ctx context.Context, m *mediator.Mediator) (*redriveSummary, error) {
	start := time.Now()
	r.faults.clear()
	var s redriveSummary
	resumed, err := r.resume(ctx, m)
	s.ResumedOrders = resumed
	if err == nil {
		s.begun = true
		var report deadletter.Report
		report, err = deadletter.Redrive(ctx, m, r.store, deadletter.Context(restoreOrder), deadletter.OnOutcome(r.outcome))
		s.Redriven, s.Failed, s.Skipped = report.Redriven, report.Failed, report.Skipped
	}
	s.ElapsedSeconds = time.Since(start).Seconds()
	return &s, err
}

func (r *resilience) outcome(_ context.Context, o deadletter.Outcome) {
	if o.Err != nil {
		r.log.print(fmt.Sprintf("dead letter %s of %s to %s %v: %s", o.Letter.ID, o.Letter.Name, o.Letter.Group, o.Status, printing.OneLine(o.Err)))
	}
}

// restoreOrder is carryOrder for the messages that follow from a redriven one.
func restoreOrder(ctx context.Context, l deadletter.Letter) context.Context {
	o, err := orderIn(l)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, orderKey{}, o)
}

// markOver notes in the letters that are left which orders are over, though a letter
// says that a step has failed: it was taken, but that got lost. A later run could
// not know. earlier tells that this one knows the orders of those before.
func (r *resilience) markOver(ctx context.Context, m *mediator.Mediator, earlier bool) error {
	for l, err := range deadletter.All(ctx, r.store, deadletter.Filter{}) {
		if err != nil {
			return err
		}
		o, bad := orderIn(l)
		if bad != nil || l.Headers[overHeader] != "" || l.Headers[runHeader] != r.run && !earlier {
			continue
		}
		state, err := mediator.Send(ctx, m, messages.FindOrder{OrderID: o.OrderID})
		if err != nil {
			return err
		}
		if state.Open {
			continue
		}
		l = l.Clone()
		l.Headers[overHeader] = "true"
		if err := r.store.Put(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// resume tells the services of the orders that an earlier run has left letters of,
// as far as these show how far each was.
func (r *resilience) resume(ctx context.Context, m *mediator.Mediator) (n int64, err error) {
	left := map[string]messages.OrderResumed{}
	for l, err := range deadletter.All(ctx, r.store, deadletter.Filter{}) {
		if err != nil {
			return 0, err
		}
		o, bad := orderIn(l)
		if bad != nil || l.Headers[runHeader] == r.run {
			continue
		}
		e := left[o.OrderID]
		e.Order = o
		e.Over = e.Over || l.Headers[overHeader] != ""
		switch l.Name {
		case messages.OrderCompleted{}.MessageName(), messages.OrderCancelled{}.MessageName():
			e.Over = true
		case messages.PaymentProcessed{}.MessageName():
			e.Paid, e.Reserved = true, true
		case messages.InventoryReserved{}.MessageName(), messages.PaymentRequested{}.MessageName(), messages.PaymentFailed{}.MessageName():
			e.Reserved = true
		}
		left[o.OrderID] = e
	}
	for _, e := range left {
		if err := mediator.Publish(ctx, m, e); err != nil {
			return n, err
		}
		if !e.Over {
			n++
		}
	}
	return n, nil
}
