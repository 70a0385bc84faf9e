package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
)

// console writes messages, a line each, and shows how things are: on a terminal as a
// table that stays where it is, otherwise as a line a second. It is safe for
// concurrent use.
type console struct {
	out, err io.Writer
	size     func() (width, height int) // of the terminal that out is, nil if it is none

	mu     sync.Mutex
	table  string
	lines  int // of the table that is on the screen
	latest time.Time
}

// lineEvery is a second, less than it takes to miss the view that comes then.
const lineEvery = time.Second - refresh/2

func newConsole(out, err io.Writer) *console {
	return &console{out: out, err: err, size: printing.Terminal(out)}
}

// print writes a message, above the table.
func (c *console) print(message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	// There is nobody to tell that the place for telling things is gone.
	_, _ = fmt.Fprintf(c.err, "ticker: %s\n", message)
	c.draw()
}

// Write writes lines as they are, above the table: for a logger.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	n, err := c.err.Write(p)
	c.draw()
	return n, err
}

// show shows v.
func (c *console) show(v view) {
	if c.size != nil {
		table := draw(v, c.size)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.table = table
		_, _ = io.WriteString(c.out, c.eraser()+table) // at once, or it would flicker
		c.lines = strings.Count(table, "\n")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.latest) >= lineEvery {
		c.latest = now
		_, _ = io.WriteString(c.out, line(v)+"\n")
	}
}

// clear takes the table away.
func (c *console) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	c.table = ""
}

func (c *console) erase() {
	_, _ = io.WriteString(c.out, c.eraser())
	c.lines = 0
}

// eraser is what erases the table that is on the screen.
func (c *console) eraser() string {
	if c.lines == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r\x1b[J", c.lines)
}

func (c *console) draw() {
	if c.table != "" {
		_, _ = io.WriteString(c.out, c.table)
		c.lines = strings.Count(c.table, "\n")
	}
}

// line is a view in one line.
func line(v view) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%6.1fs %-9v %6s quotes", v.Elapsed, v.Status, printing.Grouped(v.Quotes))
	for _, c := range v.Consumers {
		fmt.Fprintf(&b, " | %s", c.Name)
		if !c.Connected {
			b.WriteString(" (away)")
		}
		fmt.Fprintf(&b, " %s got", printing.Grouped(c.Delivered))
		for _, n := range []struct {
			what string
			n    uint64
		}{{"queued", uint64(c.Queued)}, {"dropped", c.Dropped}, {"sampled out", c.SampledOut}, {"abandoned", c.Abandoned}} {
			if n.n > 0 {
				fmt.Fprintf(&b, ", %s %s", printing.Grouped(n.n), n.what)
			}
		}
	}
	return b.String()
}
