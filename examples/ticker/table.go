package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/health"
)

// The colors of a terminal.
const (
	reset  = "\x1b[0m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
)

// draw is a view as a table of at most the size of the terminal.
func draw(v view, size func() (width, height int)) string {
	width, height := size()
	t := &table{width: max(width-1, 1)}
	t.row(fmt.Sprintf("%s, %.0fs, %s quotes: ", v.Source, v.Elapsed, printing.Grouped(v.Quotes)), colorOf(v.Status)+bold, v.Status.String())
	t.row("")
	t.row("", dim, fmt.Sprintf("%-8s %-11s %-10s %8s %8s %8s %8s %8s %7s", "", "strategy", "status", "got", "dropped", "sampled", "abandon.", "queued", "lag"))
	for _, c := range v.Consumers {
		status, color := c.Status.String(), colorOf(c.Status)
		if !c.Connected {
			status, color = "away", dim
		}
		t.row(fmt.Sprintf("%-8s %-11s ", c.Name, c.Strategy), color, fmt.Sprintf("%-10s", status),
			fmt.Sprintf(" %8s %8s %8s %8s %8s %7s", printing.Grouped(c.Delivered), printing.Grouped(c.Dropped), printing.Grouped(c.SampledOut),
				printing.Grouped(c.Abandoned), printing.Grouped(uint64(c.Queued)), time.Duration(c.Lag*float64(time.Second)).Round(time.Millisecond)))
	}
	t.row("")
	room := height - len(t.rows) - 2
	for i, p := range v.Prices {
		if i >= room {
			t.row("", dim, fmt.Sprintf("and %d more", len(v.Prices)-i))
			break
		}
		color := green
		if p.Change < 0 {
			color = red
		}
		t.row(fmt.Sprintf("%-8s %11s ", p.Symbol, priceText(p.Price)), color, fmt.Sprintf("%+7.2f%% ", p.Change*100), sparkline(p.History)+" ", dim, p.Day)
	}
	if len(t.rows) > height-1 {
		t.rows = t.rows[:max(height-1, 0)] // what is taller than the screen could not be erased
	}
	return strings.Join(t.rows, "")
}

// table is rows that fit the width of a terminal.
type table struct {
	width int
	rows  []string
}

// row adds a row of pieces, cut to the width. A piece that is a color is for the one
// after it.
func (t *table) row(pieces ...string) {
	var b strings.Builder
	left, colored := t.width, false
	for _, p := range pieces {
		if strings.HasPrefix(p, "\x1b") {
			b.WriteString(p)
			colored = true
			continue
		}
		runes := []rune(p)
		runes = runes[:min(len(runes), left)]
		left -= len(runes)
		b.WriteString(string(runes))
		if colored {
			b.WriteString(reset)
			colored = false
		}
	}
	t.rows = append(t.rows, b.String()+"\n")
}

func colorOf(s health.Status) string {
	switch s {
	case health.Healthy:
		return green
	case health.Warning:
		return yellow
	default:
		return red
	}
}

var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the newest of values, each as a bar between the least and the most.
func sparkline(values []float64) string {
	values = values[max(0, len(values)-24):]
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		least, most = min(least, v), max(most, v)
	}
	var b strings.Builder
	for _, v := range values {
		i := 0
		if most > least {
			i = int((v - least) / (most - least) * float64(len(bars)-1))
		}
		b.WriteRune(bars[i])
	}
	return b.String()
}

// priceText is a price with as many decimals as its size calls for.
func priceText(p float64) string {
	switch {
	case p >= 15 && p < 1e12:
		return strconv.FormatFloat(p, 'f', 2, 64)
	case p >= 0.01 && p < 15:
		return strconv.FormatFloat(p, 'f', 4, 64)
	}
	return strconv.FormatFloat(p, 'g', 6, 64)
}
