package main

import (
	"context"
	"io"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/examples/orders/outside"
)

// For the black-box tests: a program cannot export.
var (
	Run      = run
	Charge   = outside.Charge
	Refund   = outside.Refund
	Deliver  = outside.Deliver
	Status   = status
	FromHere = fromHere
)

// RunWired has no resilience around the services but what wire puts there.
func RunWired(ctx context.Context, wire func(map[string]int64) (*mediator.Mediator, error),
	args []string, stdin io.Reader, stdout, stderr io.Writer,
) int {
	return runWired(ctx, func(stock map[string]int64, _ *resilience) (*mediator.Mediator, error) { return wire(stock) },
		args, stdin, stdout, stderr)
}

// NewConsole returns a console with a status line of the given width.
func NewConsole(w io.Writer, width int) *Console {
	return &console{w: w, size: func() (int, int) { return width, 24 }}
}

type Console = console

func (c *console) Print(message string)                        { c.print(message) }
func (c *console) Progress(status func() string) (stop func()) { return c.progress(status) }

// RunStored is Run with dead letters in store.
func RunStored(ctx context.Context, store deadletter.Store, args []string, stdout, stderr io.Writer) int {
	return runWired(ctx, func(stock map[string]int64, r *resilience) (*mediator.Mediator, error) {
		r.store = store
		return wire(stock, r)
	}, args, nil, stdout, stderr)
}
