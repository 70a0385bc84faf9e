package main

import (
	"fmt"
	"io"
	"sync"
)

// console writes messages, a line each. It is safe for concurrent use; as a Writer
// it passes on what is in lines already.
type console struct {
	mu   sync.Mutex
	w    io.Writer
	from string
}

func newConsole(w io.Writer, service string) *console {
	from := "distributed: "
	if service != "" {
		from += service + ": "
	}
	return &console{w: w, from: from}
}

func (c *console) print(message string) { _, _ = c.Write([]byte(c.from + message + "\n")) }

func (c *console) printf(format string, v ...any) { c.print(fmt.Sprintf(format, v...)) }

// Write implements [io.Writer].
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w.Write(p)
}
