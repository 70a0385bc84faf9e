package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// summary is what came of the orders. Its JSON is the output of -json.
type summary struct {
	Source            string                    `json:"source"`
	Interrupted       bool                      `json:"interrupted"` // there may have been more orders
	Placed            int64                     `json:"placed"`
	Completed         int64                     `json:"completed"`
	Compensated       int64                     `json:"compensated"`
	Reasons           map[messages.Reason]int64 `json:"compensated_by_reason"`
	Failed            int64                     `json:"failed"` // also counted as completed or compensated, if placed
	SkippedLines      int64                     `json:"skipped_lines"`
	RevenueCents      int64                     `json:"revenue_cents"`
	NotificationsSent int64                     `json:"notifications_sent"`
	Stock             []messages.StockLevel     `json:"stock"`
	ElapsedSeconds    float64                   `json:"elapsed_seconds"`
	OrdersPerSecond   float64                   `json:"orders_per_second"`
	Problems          []string                  `json:"problems"` // where the numbers do not add up
	Resilience        *resilienceSummary        `json:"resilience,omitempty"`
}

// summarize asks every service for its numbers, and compares them. No order may
// be in progress. r is nil without resilience.
func summarize(ctx context.Context, m *mediator.Mediator, r *resilienceSummary) (*summary, error) {
	orders, err := mediator.Send(ctx, m, messages.CountOrders{})
	if err != nil {
		return nil, err
	}
	payments, err := mediator.Send(ctx, m, messages.CountPayments{})
	if err != nil {
		return nil, err
	}
	notices, err := mediator.Send(ctx, m, messages.CountNotices{})
	if err != nil {
		return nil, err
	}
	s := &summary{
		Placed: orders.Placed, Completed: orders.Completed, Compensated: orders.Compensated(), Reasons: orders.Cancelled,
		RevenueCents: orders.RevenueCents, NotificationsSent: notices.Sent,
		Stock: []messages.StockLevel{}, Problems: []string{}, Resilience: r,
	}
	var reserved int64
	for level, err := range mediator.Stream(ctx, m, messages.ListStock{}) {
		if err != nil {
			return nil, err
		}
		reserved += level.Reserved
		s.Stock = append(s.Stock, level)
	}
	if r != nil {
		s.Problems = append(s.Problems, r.problems...)
		if r.LettersLeft > 0 {
			return s, nil // what letters wait for is in none of the sums
		}
	} else {
		s.check("placed", s.Placed, "completed + compensated", s.Completed+s.Compensated)
	}
	s.check("orders still open", orders.Open, "none", 0)
	s.check("revenue", s.RevenueCents, "payments less refunds", payments.ChargedCents-payments.RefundedCents)
	s.check("payments of unfinished orders", payments.Open, "none", 0)
	s.check("goods still reserved", reserved, "none", 0)
	return s, nil
}

func (s *summary) check(what string, got int64, than string, want int64) {
	s.Problems = append(s.Problems, differ(what, got, than, want)...)
}

// differ says that two numbers are not the same, if so.
func differ(what string, got int64, than string, want int64) []string {
	if got == want {
		return nil
	}
	return []string{fmt.Sprintf("%s is %d, %s is %d", what, got, than, want)}
}

// add adds what the services do not know.
func (s *summary) add(source string, f *feed, elapsed time.Duration) {
	s.Source, s.Interrupted, s.SkippedLines, s.Failed = source, f.interrupted, f.skipped, f.failed.Load()
	s.ElapsedSeconds = elapsed.Seconds()
	if elapsed > 0 {
		s.OrdersPerSecond = float64(s.Placed) / elapsed.Seconds()
	}
}
