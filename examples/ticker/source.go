package main

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/fsmediator/mediator/examples/internal/input"
	"github.com/fsmediator/mediator/examples/ticker/market"
)

// source is where the quotes come from.
type source struct {
	name   string
	quotes iter.Seq2[market.Quote, error]
	close  func() error
}

// open returns the source that the flags name. What is wrong with the beginning of a
// file is an error here. If ctx ends before there is a beginning, the source is empty.
func open(ctx context.Context, c config, stdin io.Reader) (source, error) {
	s := source{close: func() error { return nil }}
	if c.walk {
		s.name, s.quotes = fmt.Sprintf("a random walk (seed %d)", c.seed), market.Walk(c.symbols, c.seed)
		return s, nil
	}
	in, err := input.Open(c.in, stdin, input.Source{Name: "the euro reference rates", Reader: market.Sample()})
	if err != nil {
		return s, err
	}
	s.name, s.close = in.Name, in.Close
	rows, err := input.Begin(ctx, func() (iter.Seq2[market.Quote, error], error) { return market.Rows(in) })
	if err != nil {
		_ = s.close() // what is wrong with it is known
		return s, fmt.Errorf("%s: %w", s.name, err)
	}
	s.quotes = market.Only(rows, c.symbols)
	return s, nil
}
