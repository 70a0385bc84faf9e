package main

import "io"

// For the black-box tests: a program cannot export.
var (
	Run       = run
	PriceText = priceText
	Sparkline = sparkline
)

type (
	Summary         = summary
	ConsumerSummary = consumerSummary
	View            = view
	ConsumerView    = consumerView
	Price           = price
	Console         = console
)

func (c consumerSummary) Check(watched uint64) []string { return c.check(watched) }

// NewConsole returns a console on a terminal of the given size, or on none if that is 0.
func NewConsole(out, err io.Writer, width, height int) *Console {
	c := newConsole(out, err)
	if width > 0 {
		c.size = func() (int, int) { return width, height }
	}
	return c
}

func (c *console) Print(message string) { c.print(message) }
func (c *console) Show(v View)          { c.show(v) }
func (c *console) Clear()               { c.clear() }
