package cases

import (
	"context"
	"iter"

	"github.com/fsmediator/mediator"
)

type store[T any] struct{ values map[string]T }

func (s store[T]) get(_ context.Context, q Get[T]) (T, error)      { return s.values[q.Key], nil }
func (s store[T]) all(context.Context, All[T]) iter.Seq2[T, error] { return nil }
func changed[T any](context.Context, map[string]T) error           { return nil }
func get[T any](ctx context.Context, m *mediator.Mediator, key string) (T, error) {
	return mediator.Send(ctx, m, Get[T]{Key: key})
}

func wire(names store[string], counts store[int]) (*mediator.Mediator, error) {
	return mediator.New(
		mediator.Handle(names.get),
		mediator.Handle(counts.get),
		mediator.HandleStream(names.all),
		mediator.HandleStream(counts.all),
		mediator.Subscribe(changed[string]),
	)
}

func call(ctx context.Context, m *mediator.Mediator) (name string, count int, err error) {
	if name, err = mediator.Send(ctx, m, Get[string]{Key: "x"}); err != nil {
		return name, count, err
	}
	for count, err = range mediator.Stream(ctx, m, All[int]{}) {
		if err != nil {
			return name, count, err
		}
	}
	count, err = get[int](ctx, m, "x")
	return name, count, err
}
