package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"

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
	var in io.Reader
	format := intake.FormatOf(c.in)
	switch c.in {
	case "":
		s.name, in, format = "the sample file", sample.Orders(), intake.JSONLines
	case "-":
		s.name, in = "standard input", stdin
	default:
		f, err := os.Open(c.in)
		if err != nil {
			return s, err
		}
		s.name, in, s.close = c.in, f, f.Close
	}
	var err error
	if s.orders, err = begin(ctx, in, format); err != nil {
		_ = s.close()
		return s, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

// begin is [intake.Orders] on a goroutine of its own, for the reason that [read]
// has one.
func begin(ctx context.Context, in io.Reader, f intake.Format) (iter.Seq2[messages.PlaceOrder, error], error) {
	type result struct {
		orders iter.Seq2[messages.PlaceOrder, error]
		err    error
	}
	begun := make(chan result, 1)
	go func() {
		orders, err := intake.Orders(in, f)
		begun <- result{orders, err}
	}()
	select {
	case r := <-begun:
		return r.orders, r.err
	case <-ctx.Done():
		return func(func(messages.PlaceOrder, error) bool) {}, nil
	}
}
