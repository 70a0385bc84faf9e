package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

// write prints the summary, for a reader or as JSON.
func (s *summary) write(w io.Writer, asJSON bool) error {
	return printing.Summary(w, asJSON, s, s.text)
}

func (s *summary) text(out *bytes.Buffer) {
	elapsed := time.Duration(s.ElapsedSeconds * float64(time.Second))
	fmt.Fprintf(out, "Orders from %s, done in %s (%s orders/s)\n", s.Source, rounded(elapsed), printing.Grouped(int64(s.OrdersPerSecond)))
	if s.Interrupted {
		what := "finished"
		if s.Resilience != nil {
			what += ", or wait for a dead letter to be redriven"
		}
		fmt.Fprintln(out, "INTERRUPTED: there may be more orders; those that were placed are "+what)
	}
	fmt.Fprintln(out)
	row := func(what, value, note string) {
		fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("  %-18s %14s  %s", what, value, note), " "))
	}
	sum := "= completed + compensated"
	if s.Resilience != nil {
		sum += " + dead-lettered"
		if s.Resilience.resumed > 0 {
			sum += ", with " + printing.Grouped(s.Resilience.resumed) + " of earlier runs"
		}
	}
	if len(s.Problems) > 0 {
		sum = "DOES NOT ADD UP: " + strings.Join(s.Problems, "; ")
	}
	row("placed", printing.Grouped(s.Placed), sum)
	row("completed", printing.Grouped(s.Completed), "")
	row("compensated", printing.Grouped(s.Compensated), s.reasons())
	if s.Resilience != nil {
		row("dead-lettered", printing.Grouped(s.Resilience.DeadLettered), "")
	}
	if s.Failed > 0 {
		row("failed", printing.Grouped(s.Failed), "reported above")
	}
	row("skipped lines", printing.Grouped(s.SkippedLines), "")
	row("revenue", money(s.RevenueCents), "")
	row("notifications sent", printing.Grouped(s.NotificationsSent), "")
	fmt.Fprintln(out)
	row("stock", "left", "     sold")
	for _, level := range s.Stock {
		row(level.SKU, printing.Grouped(level.Left), fmt.Sprintf("%9s", printing.Grouped(level.Sold)))
	}
	if s.Resilience != nil {
		fmt.Fprintln(out)
		s.Resilience.text(row)
	}
}

// reasons lists why orders were compensated, the most frequent first.
func (s *summary) reasons() string {
	type count struct {
		reason messages.Reason
		n      int64
	}
	var counts []count
	for reason, n := range s.Reasons {
		counts = append(counts, count{reason, n})
	}
	slices.SortFunc(counts, func(a, b count) int {
		if a.n != b.n {
			return int(b.n - a.n)
		}
		return strings.Compare(string(a.reason), string(b.reason))
	})
	var words []string
	for _, c := range counts {
		words = append(words, fmt.Sprintf("%s %s", c.reason, printing.Grouped(c.n)))
	}
	return strings.Join(words, ", ")
}

// money is cents with two decimals.
func money(cents int64) string { return fmt.Sprintf("%s.%02d", printing.Grouped(cents/100), cents%100) }

// rounded leaves three digits or so of d.
func rounded(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}
