package mediator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

const countName = "mediator_test.count"

func TestDispatchStream(t *testing.T) {
	items, decodes := 0, 0
	counter := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return next(ctx, c.OnItem(func() { items++ }))
	})
	m := newMediator(t, mediator.HandleStream(counting, mediator.Use(counter)))
	s := mediator.DispatchStream(t.Context(), m, countName, func(target any) error {
		decodes++
		return json.Unmarshal([]byte(`{"N":3}`), target)
	})
	require.Zero(t, decodes, "nothing happens before the range")
	for run := range 2 {
		got, err := collect(t, s)
		require.NoError(t, err)
		require.Equal(t, []any{0, 1, 2}, got)
		require.Equal(t, run+1, decodes)
		require.Equal(t, 3*(run+1), items, "through the behaviors")
	}
	for range s {
		break
	}
	require.Equal(t, 7, items)
}

func TestDispatchStreamOfAPointerAndOfABridgedHandler(t *testing.T) {
	type ask struct {
		mediator.Yields[string]
		Text string
	}
	m := newMediator(t, mediator.HandleStreamChan(func(_ context.Context, q *ask, out chan<- string) error {
		out <- q.Text
		return errBoom
	}, mediator.Named("ask")))
	got, err := collect(t, mediator.DispatchStream(t.Context(), m, "ask", fromJSON(`{"Text":"hello"}`)))
	require.Equal(t, errBoom, err, "the handler's, as it is")
	require.Equal(t, []any{"hello"}, got)
}

func TestErrorsOfDispatchStream(t *testing.T) {
	m, err := mediator.New(mediator.HandleStream(counting), mediator.Handle(place1), mediator.HandleCommand(cancelling), mediator.Subscribe(onOrder))
	require.NoError(t, err)
	run := func(ctx context.Context, name string, decode func(any) error) error {
		got, err := collect(t, mediator.DispatchStream(ctx, m, name, decode))
		require.Empty(t, got)
		return err
	}
	ctx := t.Context()
	untouched := func(any) error { t.Error("decoded"); return nil }
	err = run(ctx, "unknown", untouched)
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.EqualError(t, err, "mediator: dispatch unknown: no handler for a message of this name")
	require.ErrorContains(t, run(ctx, "orders.order", untouched), `one for "mediator_test.order" exists`)

	for name, want := range map[string]string{
		"mediator_test.placeOrder":  "no handler for a stream of this name; a request handler mediator_test.place1, which gives mediator_test.order has it: use Dispatch",
		"mediator_test.cancelOrder": "no handler for a stream of this name; a command handler mediator_test.cancelling has it: use Dispatch",
		"mediator_test.order":       "no handler for a stream of this name; a subscriber has it: use Dispatch",
	} {
		err = run(ctx, name, untouched)
		require.ErrorIs(t, err, mediator.ErrNoHandler)
		require.EqualError(t, err, "mediator: dispatch "+name+": "+want)
	}

	err = run(ctx, countName, fromJSON(`{"N":"three"}`))
	var wrong *json.UnmarshalTypeError
	require.ErrorAs(t, err, &wrong)
	require.ErrorContains(t, err, "mediator: dispatch mediator_test.count: decode *mediator_test.count: json: ")
	require.ErrorContains(t, run(ctx, countName, nil), "the decode function is nil")

	ended, cancel := context.WithCancelCause(ctx)
	cancel(errBoom)
	err = run(ended, countName, fromJSON(`{"N":3}`))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errBoom)

	require.NoError(t, m.Close(ctx))
	require.ErrorIs(t, run(ctx, countName, untouched), mediator.ErrClosed)
}

// What Stream guarantees of panics and of a consumer that leaves holds for
// DispatchStream too.
func TestDispatchStreamPanicsAndStops(t *testing.T) {
	ended := false
	m := newMediator(t, mediator.HandleStream(func(ctx context.Context, q count) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer func() { ended = ctx.Err() != nil }()
			for yield(q.N, nil) {
				if q.N < 0 {
					panic("of the handler")
				}
			}
		}
	}))
	for item, err := range mediator.DispatchStream(t.Context(), m, countName, fromJSON(`{"N":7}`)) {
		require.NoError(t, err)
		require.Equal(t, 7, item)
		break
	}
	require.True(t, ended, "the handler's context is cancelled when the consumer leaves")
	require.PanicsWithValue(t, "of the handler", func() {
		for range mediator.DispatchStream(t.Context(), m, countName, fromJSON(`{"N":-1}`)) {
		}
	})
	require.PanicsWithValue(t, "of the body", func() {
		for range mediator.DispatchStream(t.Context(), m, countName, fromJSON(`{"N":1}`)) {
			panic("of the body")
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got, err := 0, error(nil)
	for _, err = range mediator.DispatchStream(ctx, m, countName, fromJSON(`{"N":1}`)) {
		if err == nil {
			got++
			cancel()
		}
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, got)
}

func TestDispatchItems(t *testing.T) {
	broken := errors.New("broken")
	m, err := mediator.New(mediator.HandleStream(func(_ context.Context, q numbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range q.N {
				if !yield(i, nil) {
					return
				}
			}
			yield(0, broken)
		}
	}, mediator.Named("numbers")), mediator.HandleCommand(func(context.Context, mediator.Command) error { return nil }, mediator.Named("command")))
	require.NoError(t, err)
	three := func(target any) error { target.(*numbers).N = 3; return nil }

	var got []int
	require.ErrorIs(t, mediator.DispatchItems(t.Context(), m, "numbers", three, func(item any) bool {
		got = append(got, *item.(*int))
		return true
	}), broken)
	require.Equal(t, []int{0, 1, 2}, got)
	require.NoError(t, mediator.DispatchItems(t.Context(), m, "numbers", three, func(any) bool { return false }))

	never := func(any) bool { t.Error("an item"); return true }
	require.ErrorIs(t, mediator.DispatchItems(t.Context(), m, "other", three, never), mediator.ErrNoHandler)
	require.ErrorIs(t, mediator.DispatchItems(t.Context(), m, "command", three, never), mediator.ErrNoHandler)
	err = mediator.DispatchItems(t.Context(), m, "numbers", func(any) error { return broken }, never)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "dispatch numbers")
}

func ExampleDispatchItems() {
	m, err := mediator.New(mediator.HandleStream(yieldNumbers, mediator.Named("numbers")))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = mediator.DispatchItems(context.Background(), m, "numbers",
		func(target any) error { return json.Unmarshal([]byte(`{"N":2}`), target) },
		func(item any) bool {
			line, err := json.Marshal(item) // nothing is boxed: item is a *int
			fmt.Println(string(line), err)
			return true
		})
	fmt.Println(err)
	// Output:
	// 0 <nil>
	// 1 <nil>
	// <nil>
}
