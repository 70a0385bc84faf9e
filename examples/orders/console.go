package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
)

// console writes messages, a line each, and on a terminal a last line that shows
// how things stand. It is safe for concurrent use.
type console struct {
	w    io.Writer
	size func() (width, height int) // of the terminal that w is; nil if it is none, and there is no status line

	mu     sync.Mutex
	status string
}

// newConsole has a status line if w is a terminal that can show one.
func newConsole(w io.Writer) *console {
	return &console{w: w, size: printing.Terminal(w)}
}

// print writes a message, above the status line.
func (c *console) print(message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	// There is nobody to tell that the place for telling things is gone.
	_, _ = fmt.Fprintf(c.w, "orders: %s\n", message)
	_, _ = io.WriteString(c.w, c.status)
}

// show replaces the status line; "" removes it. One that is too long is cut: it
// could not be erased if it went on in the next line of the terminal.
func (c *console) show(status string) {
	width, _ := c.size()
	status = status[:min(len(status), max(width-1, 0))]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	c.status = status
	_, _ = io.WriteString(c.w, status)
}

func (c *console) erase() {
	if c.status != "" {
		_, _ = io.WriteString(c.w, "\r\x1b[K")
	}
}

// progress shows status several times a second until the function it returns is
// called, which removes it. Without a status line it does nothing.
func (c *console) progress(status func() string) (stop func()) {
	if c.size == nil {
		return func() {}
	}
	done := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.show(status())
			case <-done:
				c.show("")
				return
			}
		}
	})
	return func() {
		close(done)
		shown.Wait()
	}
}
