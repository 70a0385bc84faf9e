package main

import (
	"context"
	"io"

	"github.com/fsmediator/mediator"
	page "github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/examples/internal/printing"
	"github.com/fsmediator/mediator/examples/orders/sample"
)

// The formats of -graph.
const (
	mermaid = "mermaid"
	dot     = "dot"
)

// draw prints how the services are wired, with what stands around them.
func draw(c config, wire func(map[string]int64, *resilience) (*mediator.Mediator, error), stdout io.Writer, log *console) int {
	var r *resilience
	if c.resilient {
		c.dlq = "" // the wiring is the same with a file
		var err error
		if r, err = newResilience(c, log); err != nil {
			log.print(printing.OneLine(err))
			return exitFailed
		}
	}
	m, err := wire(sample.Stock(), r)
	if err != nil {
		log.print(printing.OneLine(err))
		return exitFailed
	}
	text := page.Graph(m).Mermaid()
	if c.graph == dot {
		text = page.Graph(m).DOT()
	}
	if _, err = io.WriteString(stdout, text); err == nil {
		err = m.Close(context.Background())
	}
	if err != nil {
		log.print(printing.OneLine(err))
		return exitFailed
	}
	return exitOK
}
