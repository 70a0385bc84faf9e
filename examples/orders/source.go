package main

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/fsmediator/mediator/examples/internal/input"
	"github.com/fsmediator/mediator/examples/orders/intake"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/fsmediator/mediator/examples/orders/sample"
)

// source is where the orders come from.
type source struct {
	name   string
	orders iter.Seq2[messages.PlaceOrder, error]
	total  int // 0 if not known
	stock  map[string]int64
	close  func() error
}

// open returns the source that the flags name. What is wrong with the beginning
// of a file is an error here. If ctx ends before there is a beginning, the source
// is empty.
func open(ctx context.Context, c config, stdin io.Reader) (source, error) {
	s := source{stock: sample.Stock(), close: func() error { return nil }}
	if c.n > 0 {
		s.name, s.total = fmt.Sprintf("the generator (seed %d)", c.seed), c.n
		s.orders, s.stock = sample.Generate(c.n, c.seed), sample.GeneratedStock(c.n)
		return s, nil
	}
	in, err := input.Open(c.in, stdin, input.Source{Name: "the sample file", Reader: sample.Orders()})
	if err != nil {
		return s, err
	}
	s.name, s.close = in.Name, in.Close
	s.orders, err = input.Begin(ctx, func() (iter.Seq2[messages.PlaceOrder, error], error) { return intake.Orders(in, intake.FormatOf(c.in)) })
	if err != nil {
		_ = s.close() // what is wrong with it is known
		return s, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}
