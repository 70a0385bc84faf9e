package input

import (
	"context"
	"iter"
)

// Begin calls read on a goroutine of its own: a read from a terminal or a pipe may
// block and cannot be interrupted, so if ctx ends it is left behind, and there are no
// items.
func Begin[T any](ctx context.Context, read func() (iter.Seq2[T, error], error)) (iter.Seq2[T, error], error) {
	type result struct {
		items iter.Seq2[T, error]
		err   error
	}
	begun := make(chan result, 1)
	go func() {
		items, err := read()
		begun <- result{items, err}
	}()
	select {
	case r := <-begun:
		return r.items, r.err
	case <-ctx.Done():
		return func(func(T, error) bool) {}, nil
	}
}
