package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/examples/internal/printing"
)

// summary is what came of the quotes. Its JSON is the output of -json.
type summary struct {
	Source         string            `json:"source"`
	Stopped        bool              `json:"stopped"` // there may have been more quotes
	ElapsedSeconds float64           `json:"elapsed_seconds"`
	Quotes         uint64            `json:"quotes"`
	SkippedRows    int64             `json:"skipped_rows"`
	Consumers      []consumerSummary `json:"consumers"`
	Stalls         int64             `json:"stalls"` // injected
	Cuts           int64             `json:"cuts"`   // injected
	Unhealthy      uint64            `json:"unhealthy"`
	Interrupted    uint64            `json:"interrupted"`
	Adjusted       uint64            `json:"adjusted"`
	Problems       []string          `json:"problems"` // where the numbers do not add up
}

// consumerSummary is what came of the quotes of one consumer.
type consumerSummary struct {
	Name     string `json:"name"`
	Strategy string `json:"strategy"`
	backpressure.Counts
	Received    uint64 `json:"received"` // as the consumer has counted
	Missed      uint64 `json:"missed"`   // as the numbers of its quotes tell
	Connections uint64 `json:"connections"`
	Failures    uint64 `json:"failures"`
}

// summarize compares what the queues, the consumers, the monitor and the market have
// counted, each for itself. Nothing may be running any more.
func (t *ticker) summarize() *summary {
	quotes, skipped := t.market.Written()
	s := &summary{
		Source: t.source, Stopped: t.stopped, ElapsedSeconds: t.ended.Seconds(), Quotes: quotes, SkippedRows: skipped,
		Problems: append([]string{}, t.problems...),
	}
	s.Stalls, s.Cuts = t.faults.Counts()
	s.Unhealthy, s.Interrupted = t.journal.restarted()
	report := t.monitor.Snapshot()
	s.Adjusted = report.Adjusted
	watched := map[string]uint64{}
	for _, total := range report.Totals {
		watched[total.Name] = total.Items
	}
	for _, c := range t.consumers {
		got, queue := c.reception(), t.queues[c.name].Snapshot()
		one := consumerSummary{
			Name: c.name, Strategy: strings.ToLower(queue.Strategy.String()), Counts: queue.Counts, Received: got.Received,
			Missed: got.Missed, Connections: got.Connections, Failures: got.Failures,
		}
		s.Consumers = append(s.Consumers, one)
		s.Problems = append(s.Problems, one.check(watched[streamOf(c.name)])...)
		if got.Disorder > 0 {
			s.Problems = append(s.Problems, fmt.Sprintf("%s: %d quotes came twice or too late", c.name, got.Disorder))
		}
		if n := len(queue.Runs); n > 0 {
			s.Problems = append(s.Problems, fmt.Sprintf("%s: %d streams still run", c.name, n))
		}
	}
	return s
}

// check returns where the numbers of one consumer contradict each other. watched is
// how many quotes of its streams the monitor has seen.
func (c consumerSummary) check(watched uint64) (problems []string) {
	differ := func(what string, a uint64, than string, b uint64) {
		if a != b {
			problems = append(problems, fmt.Sprintf("%s: %s %d, %s %d", c.Name, what, a, than, b))
		}
	}
	differ("produced", c.Produced, "the sum of the rest is", c.Delivered+c.Dropped+c.SampledOut+c.Abandoned+uint64(c.Queued))
	differ("delivered", c.Delivered, "the consumer received", c.Received)
	differ("produced", c.Produced, "the monitor has seen", watched)
	differ("still queued", uint64(c.Queued), "there should be", 0)
	if left := c.Dropped + c.SampledOut; c.Missed > left {
		problems = append(problems, fmt.Sprintf("%s: missed %d quotes, but only %d were dropped or sampled out", c.Name, c.Missed, left))
	}
	return problems
}

// write prints the summary, for a reader or as JSON.
func (s *summary) write(w io.Writer, asJSON bool) error {
	return printing.Summary(w, asJSON, s, s.text)
}

func (s *summary) text(out *bytes.Buffer) {
	elapsed := time.Duration(s.ElapsedSeconds * float64(time.Second)).Round(100 * time.Millisecond)
	fmt.Fprintf(out, "\n%s quotes of %s in %s", printing.Grouped(s.Quotes), s.Source, elapsed)
	if s.SkippedRows > 0 {
		fmt.Fprintf(out, ", %s rows skipped", printing.Grouped(uint64(s.SkippedRows)))
	}
	if s.Stopped {
		out.WriteString(", stopped")
	}
	out.WriteString("\n\n")
	row := func(what string, cell func(c consumerSummary) string) {
		fmt.Fprintf(out, "  %-13s", what)
		for _, c := range s.Consumers {
			fmt.Fprintf(out, " %11s", cell(c))
		}
		out.WriteString("\n")
	}
	number := func(what string, n func(c consumerSummary) uint64) {
		row(what, func(c consumerSummary) string { return printing.Grouped(n(c)) })
	}
	row("", func(c consumerSummary) string { return c.Name })
	row("strategy", func(c consumerSummary) string { return c.Strategy })
	number("produced", func(c consumerSummary) uint64 { return c.Produced })
	number("= delivered", func(c consumerSummary) uint64 { return c.Delivered })
	number("+ dropped", func(c consumerSummary) uint64 { return c.Dropped })
	number("+ sampled out", func(c consumerSummary) uint64 { return c.SampledOut })
	number("+ abandoned", func(c consumerSummary) uint64 { return c.Abandoned })
	number("+ queued", func(c consumerSummary) uint64 { return uint64(c.Queued) })
	number("connections", func(c consumerSummary) uint64 { return c.Connections })
	number("failed", func(c consumerSummary) uint64 { return c.Failures })
	fmt.Fprintf(out, "\nInjected: %d stalls, %d cuts. Unhealthy %d times, %d streams interrupted, %d adjustments in all.\n",
		s.Stalls, s.Cuts, s.Unhealthy, s.Interrupted, s.Adjusted)
	if len(s.Problems) == 0 {
		out.WriteString("All counts add up.\n")
	}
	for _, p := range s.Problems {
		fmt.Fprintf(out, "DOES NOT ADD UP: %s\n", p)
	}
}
