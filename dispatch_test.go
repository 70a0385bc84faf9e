package mediator_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

func fromJSON(text string) func(any) error {
	return func(target any) error { return json.Unmarshal([]byte(text), target) }
}

func TestDispatchByName(t *testing.T) {
	var log []string
	m := newMediator(t,
		mediator.Handle(orders{prefix: "o-"}.Place, mediator.Named("place-order")),
		mediator.Handle(func(_ context.Context, q *get[string]) (string, error) { return "got " + q.Key, nil }, mediator.Named("get")),
		mediator.HandleCommand(func(_ context.Context, c cancelOrder) error { log = append(log, "cancel "+c.ID); return nil }),
		hear(&log, "a", fine), hear(&log, "b", func() error { return errBoom }))
	ctx := t.Context()

	v, err := mediator.Dispatch(ctx, m, "place-order", fromJSON(`{"SKU":"x","Qty":3}`))
	require.NoError(t, err)
	require.Equal(t, order{ID: "o-x", Total: 3}, v)

	v, err = mediator.Dispatch(ctx, m, "get", fromJSON(`{"Key":"k"}`))
	require.NoError(t, err)
	require.Equal(t, "got k", v)

	v, err = mediator.Dispatch(ctx, m, "mediator_test.cancelOrder", fromJSON(`{"ID":"7"}`))
	require.NoError(t, err)
	require.Nil(t, v)

	v, err = mediator.Dispatch(ctx, m, "mediator_test.created", fromJSON(`{"ID":"1"}`))
	require.ErrorIs(t, err, errBoom)
	require.Nil(t, v)
	require.Equal(t, []string{"cancel 7", "a:1", "b:1"}, log)
}

func TestDispatchToOneGroup(t *testing.T) {
	var log []string
	m := newMediator(t, hear(&log, "a", fine), hear(&log, "b", func() error { return errBoom }),
		mediator.Subscribe(func(context.Context, event) error { log = append(log, "event"); return nil }, mediator.Group("audit")))
	ctx, name := t.Context(), "mediator_test.created"
	require.NoError(t, mediator.DispatchTo(ctx, m, name, "a", fromJSON(`{"ID":"1"}`)))
	require.ErrorIs(t, mediator.DispatchTo(ctx, m, name, "b", fromJSON(`{"ID":"2"}`)), errBoom)
	require.NoError(t, mediator.DispatchTo(ctx, m, name, "audit", fromJSON(`{"ID":"3"}`)))
	require.Equal(t, []string{"a:1", "b:2", "event"}, log)

	err := mediator.DispatchTo(ctx, m, name, "c", func(any) error { t.Error("decoded"); return nil })
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorContains(t, err, "to c: no handler: no subscriber has this group")
	require.ErrorContains(t, mediator.DispatchTo(ctx, m, name, "", fromJSON(`{}`)), "the group is empty")
	require.ErrorIs(t, mediator.DispatchTo(ctx, m, "x", "a", fromJSON(`{}`)), mediator.ErrNoHandler)
	require.ErrorContains(t, mediator.DispatchTo(ctx, m, name, "a", fromJSON(`[`)), "decode *mediator_test.created")
}

func TestDispatchErrors(t *testing.T) {
	m := newMediator(t, mediator.Handle(orders{}.Place, mediator.Named("shop.PlaceOrder")), mediator.HandleStream(counting),
		mediator.HandleCommand(func(ctx context.Context, _ cancelOrder) error { return errBoom }))
	ctx := t.Context()
	_, err := mediator.Dispatch(ctx, m, "unknown", func(any) error { t.Error("decoded"); return nil })
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.EqualError(t, err, "mediator: dispatch unknown: no handler for a message of this name")

	_, err = mediator.Dispatch(ctx, m, "orders.placeorder", fromJSON(`{}`))
	require.ErrorContains(t, err, `one for "shop.PlaceOrder" exists`)

	_, err = mediator.Dispatch(ctx, m, "shop.PlaceOrder", fromJSON(`{"Qty":"three"}`))
	var wrong *json.UnmarshalTypeError
	require.ErrorAs(t, err, &wrong)
	require.ErrorContains(t, err, "mediator: dispatch shop.PlaceOrder: decode *mediator_test.placeOrder: json: ")

	_, err = mediator.Dispatch(ctx, m, "mediator_test.cancelOrder", fromJSON(`{}`))
	require.Equal(t, errBoom, err, "the handler's, as it is")

	_, err = mediator.Dispatch(ctx, m, "mediator_test.count", fromJSON(`{}`))
	require.ErrorContains(t, err, "dispatch mediator_test.count: it is a stream: use DispatchStream")

	_, err = mediator.Dispatch(ctx, m, "shop.PlaceOrder", nil)
	require.ErrorContains(t, err, "the decode function is nil")
}

func TestDispatchOfWhatIsListenedTo(t *testing.T) {
	m := newMediator(t)
	n := 0
	stop, err := mediator.Listen(m, func(_ context.Context, c created) error { n++; return nil }, mediator.Named("created"))
	require.NoError(t, err)
	_, err = mediator.Dispatch(t.Context(), m, "created", fromJSON(`{}`))
	require.NoError(t, err)
	stop()
	_, err = mediator.Dispatch(t.Context(), m, "created", fromJSON(`{}`))
	require.NoError(t, err, "like a publish without subscribers")
	require.Equal(t, 1, n)
}

func TestFork(t *testing.T) {
	both := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		fork, err := c.Fork()
		if err != nil {
			return err
		}
		done := make(chan error)
		go func() { done <- next(ctx, fork) }()
		err = errors.Join(next(ctx, c), <-done)
		require.Equal(t, c.Message(), fork.Message())
		o, p := c.Response().(order), fork.Response().(order)
		require.NoError(t, fork.SetResponse(order{ID: "of the fork"}))
		require.Equal(t, o, c.Response())
		return errors.Join(err, c.SetResponse(order{ID: o.ID + p.ID}))
	})
	for _, bs := range [][]mediator.Behavior{{both}, {noop, both}, {noop, both, retry(2), noop}, {both, both}} {
		m := newMediator(t, mediator.Use(bs...), mediator.Handle(orders{}.Place))
		o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
		require.NoError(t, err)
		require.Contains(t, []string{"xx", "xxxx"}, o.ID)
	}

	var late mediator.Call
	keep := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		late = c
		_, err := c.Fork()
		return errors.Join(err, next(ctx, c))
	})
	m := newMediator(t, mediator.Use(keep), mediator.HandleStream(counting), mediator.Handle(orders{}.Place))
	_, err := collect(t, mediator.Stream(t.Context(), m, count{N: 2}))
	require.ErrorContains(t, err, "a stream cannot be forked")
	_, err = mediator.Send(t.Context(), m, placeOrder{})
	require.NoError(t, err)
	_, err = late.Fork()
	require.ErrorIs(t, err, mediator.ErrCallOver)
	_, err = mediator.Call{}.Fork()
	require.ErrorIs(t, err, mediator.ErrCallOver)
}

func TestKeepItemsDropsItemsForAllOutside(t *testing.T) {
	outer, inner := 0, 0
	third := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		n := 0
		return next(ctx, c.OnItem(func() { outer++ }).KeepItems(func() bool { n++; return n%3 == 0 }).OnItem(func() { inner++ }))
	})
	m := newMediator(t, mediator.Use(third), mediator.HandleStream(counting))
	got, err := collect(t, mediator.Stream(t.Context(), m, count{N: 10}))
	require.NoError(t, err)
	require.Equal(t, []int{2, 5, 8}, got)
	require.Equal(t, 10, inner)
	require.Equal(t, 3, outer)
}

// picky warns of what stands inside of it.
type picky struct{ name string }

func (p picky) Wrap(next mediator.Next) mediator.Next { return next }
func (p picky) BehaviorName() string                  { return p.name }
func (p picky) CheckWiring(outer, inner []mediator.Behavior) []string {
	var texts []string
	for _, b := range inner {
		if n, ok := b.(mediator.BehaviorNamer); ok && len(outer) == 0 {
			texts = append(texts, "stands outside "+n.BehaviorName())
		}
	}
	return texts
}

func TestNewAndListenPassOnWarnings(t *testing.T) {
	var got []string
	m := newMediator(t, mediator.OnWarning(func(w string) { got = append(got, w) }),
		mediator.Use(picky{"retry"}, noop),
		mediator.Handle(place1, mediator.Use(picky{"breaker"})),
		mediator.HandleStream(counting, mediator.Use(picky{"breaker"})),
		mediator.HandleCommand(func(context.Context, cancelOrder) error { return nil }),
		mediator.Subscribe(onOrder, mediator.Group("stock"), mediator.Use(picky{"breaker"})))
	require.Equal(t, []string{"mediator: retry: stands outside breaker (around mediator_test.placeOrder, mediator_test.count, mediator_test.order to stock)"}, got)
	got = nil
	stop, err := mediator.Listen(m, func(context.Context, int) error { return nil }, mediator.Use(picky{"x"}), mediator.Group("g"))
	require.NoError(t, err)
	stop()
	require.Equal(t, []string{"mediator: retry: stands outside x (around int to g)"}, got)

	_, err = mediator.New(mediator.OnWarning(nil))
	require.ErrorContains(t, err, "OnWarning: the function is nil")
	_, err = mediator.New(mediator.Use(picky{"a"}, mediator.BehaviorFunc(func(mediator.Next) mediator.Next { return nil })), mediator.Handle(place1))
	require.ErrorContains(t, err, "behavior mediator.BehaviorFunc: Wrap returned nil")
}

func TestViewShowsTheMessageInPlace(t *testing.T) {
	var seen []any
	var kept mediator.Call
	look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		kept = c
		if err := c.View(func(message any) error {
			seen = append(seen, message)
			require.ErrorIs(t, next(ctx, c), mediator.ErrNextRunning)
			require.NotNil(t, c.Message())
			return nil
		}); err != nil {
			return err
		}
		return next(ctx, c)
	})
	m := newMediator(t, mediator.Use(noop, look, noop), mediator.Handle(orders{prefix: "o-"}.Place),
		mediator.Handle(func(_ context.Context, q *get[int]) (int, error) { return q.Key, nil }), mediator.HandleStream(counting))
	o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
	require.NoError(t, err)
	require.Equal(t, "o-x", o.ID)
	require.IsType(t, &placeOrder{}, seen[0])
	q := &get[int]{Key: 7}
	n, err := mediator.Send(t.Context(), m, q)
	require.NoError(t, err)
	require.Equal(t, 7, n)
	require.Same(t, q, seen[1])
	got, err := collect(t, mediator.Stream(t.Context(), m, count{N: 2}))
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, got)
	require.Equal(t, &count{N: 2}, seen[2])
	fail := func(any) error { t.Error("called"); return nil }
	require.ErrorIs(t, kept.View(fail), mediator.ErrCallOver)
	require.ErrorIs(t, mediator.Call{}.View(fail), mediator.ErrCallOver)
}
