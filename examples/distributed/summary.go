package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// summary is what came of the orders. Its JSON is the output of -json. What is
// counted is all of the shop, with the orders of earlier runs in its directory.
type summary struct {
	Source            string                    `json:"source"`
	Server            string                    `json:"server"`
	Interrupted       bool                      `json:"interrupted"`   // there may have been more orders
	PlacedBefore      int64                     `json:"placed_before"` // by earlier runs
	Placed            int64                     `json:"placed"`        // by all
	Completed         int64                     `json:"completed"`     // likewise
	Compensated       int64                     `json:"compensated"`   // likewise
	DeadLettered      int64                     `json:"dead_lettered"` // likewise: open orders whose dead letter waits
	Reasons           map[messages.Reason]int64 `json:"compensated_by_reason"`
	Failed            int64                     `json:"failed"` // orders of which there is no receipt
	SkippedLines      int64                     `json:"skipped_lines"`
	RevenueCents      int64                     `json:"revenue_cents"`
	NotificationsSent int64                     `json:"notifications_sent"`
	DeadLetters       int64                     `json:"dead_letters"`
	Stock             []messages.StockLevel     `json:"stock"`
	Killed            []string                  `json:"killed"`
	Restarts          map[string]int            `json:"restarts"`
	ElapsedSeconds    float64                   `json:"elapsed_seconds"`
	Problems          []string                  `json:"problems"` // where the numbers do not add up
}

// add adds what the services say.
func (s *summary) add(c counts) {
	s.Placed, s.Completed, s.Compensated, s.Reasons = c.orders.Placed, c.orders.Completed, c.orders.Compensated(), c.orders.Cancelled
	s.DeadLettered, s.DeadLetters = c.dead, c.letters
	s.RevenueCents, s.NotificationsSent = c.orders.RevenueCents, c.notices
	s.Stock = append([]messages.StockLevel{}, c.stock...)
	s.Problems = append(s.Problems, c.problems()...)
}

// addFeed adds what was asked for, and compares.
func (s *summary) addFeed(f *feed) {
	s.Interrupted, s.SkippedLines, s.Failed = f.interrupted, f.skipped, f.failed.Load()
	placed, accepted := s.Placed-s.PlacedBefore, f.accepted.Load()
	if placed < accepted || placed > accepted+s.Failed {
		s.Problems = append(s.Problems, fmt.Sprintf("this run has %d receipts, and %d orders without one; the shop has %d orders of it",
			accepted, s.Failed, placed))
	}
}

// write prints the summary, for a reader or as JSON.
func (s *summary) write(w io.Writer, asJSON bool) error {
	return printing.Summary(w, asJSON, s, s.text)
}

func (s *summary) text(out *bytes.Buffer) {
	elapsed := time.Duration(s.ElapsedSeconds * float64(time.Second)).Round(10 * time.Millisecond)
	fmt.Fprintf(out, "Orders from %s, done in %v, over %s\n", s.Source, elapsed, s.Server)
	if s.Interrupted {
		fmt.Fprintln(out, "INTERRUPTED: there may be more orders; those that were placed are finished")
	}
	fmt.Fprintln(out)
	row := func(what string, value int64, note string) {
		fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("  %-18s %10d  %s", what, value, note), " "))
	}
	sum := "= completed + compensated + dead-lettered"
	if s.PlacedBefore > 0 {
		sum += fmt.Sprintf(", with %d of earlier runs", s.PlacedBefore)
	}
	if len(s.Problems) > 0 {
		sum = "DOES NOT ADD UP: " + strings.Join(s.Problems, "; ")
	}
	row("placed", s.Placed, sum)
	row("completed", s.Completed, "")
	row("compensated", s.Compensated, listed(s.Reasons))
	row("dead-lettered", s.DeadLettered, "")
	if s.Failed > 0 {
		row("failed", s.Failed, "reported above")
	}
	row("skipped lines", s.SkippedLines, "")
	row("notifications sent", s.NotificationsSent, "")
	fmt.Fprintf(out, "  %-18s %7d.%02d\n", "revenue", s.RevenueCents/100, s.RevenueCents%100)
	for _, name := range services {
		if n := s.Restarts[name]; n > 0 {
			row("started again", int64(n), "service "+name)
		}
	}
}

func listed(reasons map[messages.Reason]int64) string {
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		words = append(words, fmt.Sprintf("%s %d", reason, reasons[reason]))
	}
	return strings.Join(words, ", ")
}
