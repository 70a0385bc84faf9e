package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"

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
	var in io.Reader
	switch {
	case c.walk:
		s.name, s.quotes = fmt.Sprintf("a random walk (seed %d)", c.seed), market.Walk(c.symbols, c.seed)
		return s, nil
	case c.in == "":
		s.name, in = "the euro reference rates", market.Sample()
	case c.in == "-":
		s.name, in = "standard input", stdin
	default:
		f, err := os.Open(c.in)
		if err != nil {
			return s, err
		}
		s.name, in, s.close = c.in, f, f.Close
	}
	rows, err := begin(ctx, in)
	if err != nil {
		_ = s.close() // what is wrong with it is known
		return s, fmt.Errorf("%s: %w", s.name, err)
	}
	s.quotes = market.Only(rows, c.symbols)
	return s, nil
}

// begin is [market.Rows] on a goroutine of its own: a read from a terminal or a pipe
// may block and cannot be interrupted, so if ctx ends it is left behind.
func begin(ctx context.Context, in io.Reader) (iter.Seq2[market.Quote, error], error) {
	type result struct {
		rows iter.Seq2[market.Quote, error]
		err  error
	}
	begun := make(chan result, 1)
	go func() {
		rows, err := market.Rows(in)
		begun <- result{rows, err}
	}()
	select {
	case r := <-begun:
		return r.rows, r.err
	case <-ctx.Done():
		return func(func(market.Quote, error) bool) {}, nil
	}
}
