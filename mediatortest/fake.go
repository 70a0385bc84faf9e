package mediatortest

import (
	"context"
	"iter"
	"slices"

	"github.com/fsmediator/mediator"
)

// Reply returns a handler that answers every Q with r. As a plain function it
// also stands in for that of [mediator.SenderFor]. One for a command, which answers
// with [mediator.None], is for [mediator.Handle], not HandleCommand.
func Reply[Q mediator.Request[R], R any](r R) func(context.Context, Q) (R, error) {
	return func(context.Context, Q) (R, error) { return r, nil }
}

// Fail returns a handler that answers every Q with err. As with [Reply], one for a
// command is for [mediator.Handle].
func Fail[Q mediator.Request[R], R any](err error) func(context.Context, Q) (R, error) {
	return func(context.Context, Q) (r R, _ error) { return r, err }
}

// Items returns a handler whose streams deliver items and are complete.
func Items[Q mediator.StreamRequest[T], T any](items ...T) func(context.Context, Q) iter.Seq2[T, error] {
	return FailAfter[Q](nil, items...)
}

// FailAfter returns a handler whose streams deliver items and then break off
// with err.
func FailAfter[Q mediator.StreamRequest[T], T any](err error, items ...T) func(context.Context, Q) iter.Seq2[T, error] {
	items = slices.Clone(items)
	return func(context.Context, Q) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if err != nil {
				var zero T
				yield(zero, err)
			}
		}
	}
}
