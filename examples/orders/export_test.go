package main

import "io"

// For the black-box tests: a program cannot export.
var (
	Run      = run
	RunWired = runWired
	Charge   = charge
	Refund   = refund
	Deliver  = deliver
	Status   = status
)

// NewConsole returns a console with a status line of the given width.
func NewConsole(w io.Writer, width int) *Console {
	return &console{w: w, width: func() int { return width }}
}

type Console = console

func (c *console) Print(message string)                        { c.print(message) }
func (c *console) Progress(status func() string) (stop func()) { return c.progress(status) }
