package mediator_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

type placeOrder struct {
	mediator.Returns[order]
	SKU string
	Qty int
}

type order struct {
	ID    string
	Total int
}

type cancelOrder struct {
	mediator.Command
	ID string
}

type get[K any] struct {
	mediator.Returns[K]
	Key K
}

type orders struct{ prefix string }

func (o orders) Place(_ context.Context, q placeOrder) (order, error) {
	return order{ID: o.prefix + q.SKU, Total: q.Qty}, nil
}

var errBoom = errors.New("boom")

func TestSendInfersBothTypes(t *testing.T) {
	cancelled := ""
	m := newMediator(t,
		mediator.Handle(orders{prefix: "o-"}.Place),
		mediator.HandleCommand(func(_ context.Context, c cancelOrder) error { cancelled = c.ID; return nil }),
		mediator.Handle(func(_ context.Context, q get[string]) (string, error) { return "got " + q.Key, nil }),
		mediator.Handle(func(_ context.Context, q get[int]) (int, error) { return q.Key + 1, nil }),
		mediator.Handle(func(_ context.Context, q *get[bool]) (bool, error) { return !q.Key, nil }),
	)
	o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x", Qty: 3})
	require.NoError(t, err)
	require.Equal(t, order{ID: "o-x", Total: 3}, o)

	require.NoError(t, mediator.Exec(t.Context(), m, cancelOrder{ID: "o-x"}))
	require.Equal(t, "o-x", cancelled)

	s, err := mediator.Send(t.Context(), m, get[string]{Key: "k"})
	require.NoError(t, err)
	require.Equal(t, "got k", s)

	n, err := mediator.Send(t.Context(), m, get[int]{Key: 41})
	require.NoError(t, err)
	require.Equal(t, 42, n)

	b, err := mediator.Send(t.Context(), m, &get[bool]{})
	require.NoError(t, err)
	require.True(t, b)
}

func TestSendByDynamicType(t *testing.T) {
	m := newMediator(t, mediator.Handle(orders{}.Place),
		mediator.HandleCommand(func(context.Context, cancelOrder) error { return errBoom }))
	var q mediator.Request[order] = placeOrder{SKU: "x"}
	o, err := mediator.Send(t.Context(), m, q)
	require.NoError(t, err)
	require.Equal(t, "x", o.ID)

	var c mediator.Request[mediator.None] = cancelOrder{}
	require.ErrorIs(t, mediator.Exec(t.Context(), m, c), errBoom)

	q = nil
	_, err = mediator.Send(t.Context(), m, q)
	require.ErrorIs(t, err, mediator.ErrMessageType)
	require.ErrorContains(t, err, "nil interface")
}

func TestSenderForIsAPlainFunction(t *testing.T) {
	m := newMediator(t, mediator.Handle(orders{}.Place))
	send := mediator.SenderFor[placeOrder](m)
	o, err := send(t.Context(), placeOrder{SKU: "y"})
	require.NoError(t, err)
	require.Equal(t, "y", o.ID)
}

func TestHandlersErrorAndResponseReachTheCallerAsTheyAre(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		m := newMediator(t, mediator.Use(noops(n)...), mediator.Handle(func(context.Context, placeOrder) (order, error) {
			return order{ID: "partial"}, errBoom
		}))
		o, err := mediator.Send(t.Context(), m, placeOrder{})
		require.Equal(t, errBoom, err, "not wrapped")
		require.Equal(t, "partial", o.ID)
	}
}

func TestAPanicInSendReachesTheCallerAsAPanic(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		fail := true
		m := newMediator(t, mediator.Use(noops(n)...), mediator.Handle(func(context.Context, placeOrder) (order, error) {
			if fail {
				panic("oh no")
			}
			return order{ID: "fine"}, nil
		}))
		require.PanicsWithValue(t, "oh no", func() { _, _ = mediator.Send(t.Context(), m, placeOrder{}) })
		fail = false
		o, err := mediator.Send(t.Context(), m, placeOrder{})
		require.NoError(t, err)
		require.Equal(t, "fine", o.ID)
	}
}

type shipOrder struct{ mediator.Returns[order] }

func TestErrNoHandlerNamesTheNearMiss(t *testing.T) {
	type placeOrder struct{ mediator.Returns[int] } // same name, another type
	m := newMediator(t,
		mediator.Handle(orders{}.Place),
		mediator.Handle(func(context.Context, *shipOrder) (order, error) { return order{}, nil }))

	_, err := mediator.Send(t.Context(), m, &cancelOrder{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.EqualError(t, err, "mediator: send mediator_test.cancelOrder: no handler for *mediator_test.cancelOrder: register one with HandleCommand in New")

	_, err = mediator.Send(t.Context(), m, shipOrder{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorContains(t, err, "no handler for mediator_test.shipOrder; one for *mediator_test.shipOrder exists: send a pointer")

	_, err = mediator.Send(t.Context(), m, &orderRef)
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorContains(t, err, "no handler for *mediator_test.placeOrder; one for mediator_test.placeOrder exists: send a value")
	_, err = mediator.Send(t.Context(), m, giftOrder{})
	require.ErrorContains(t, err, "no handler for mediator_test.giftOrder; one for mediator_test.placeOrder exists, which it embeds: send that")
	_, err = mediator.Send(t.Context(), m, &giftOrder{})
	require.ErrorContains(t, err, "no handler for *mediator_test.giftOrder; one for mediator_test.placeOrder exists, which it embeds: send that")
	_, err = mediator.Send(t.Context(), m, laterOrder{})
	require.ErrorContains(t, err, "no handler for mediator_test.laterOrder: register one with Handle in New")

	_, err = mediator.Send(t.Context(), m, placeOrder{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.ErrorContains(t, err, `one for mediator_test.placeOrder of package "github.com/fsmediator/mediator_test" exists`)

	var e *mediator.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "send", e.Op)
}

var orderRef = placeOrder{}

func TestZeroMediatorHasNoHandlers(t *testing.T) {
	var m mediator.Mediator
	_, err := mediator.Send(t.Context(), &m, placeOrder{})
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	require.NoError(t, mediator.Publish(t.Context(), &m, order{}))
	for _, err := range mediator.Stream(t.Context(), &m, count{}) {
		require.ErrorIs(t, err, mediator.ErrNoHandler)
	}
	s := mediator.StreamChan(t.Context(), &m, count{})
	_, open := <-s.C
	require.False(t, open)
	require.ErrorIs(t, s.Err(), mediator.ErrNoHandler)

	got := 0
	stop, err := mediator.Listen(&m, func(_ context.Context, o order) error { got = o.Total; return nil })
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), &m, order{Total: 7}))
	require.Equal(t, 7, got)
	stop()
	require.NoError(t, mediator.Publish(t.Context(), &m, order{Total: 8}, mediator.Background()))
	require.NoError(t, m.Close(t.Context()))
	require.Equal(t, 7, got)
}

func TestAfterCloseEveryCallReturnsErrClosed(t *testing.T) {
	m, err := mediator.New(mediator.Handle(orders{}.Place, mediator.Named("place")), mediator.HandleStream(counting),
		mediator.Subscribe(func(context.Context, order) error { return nil }))
	require.NoError(t, err)
	send := mediator.SenderFor[placeOrder](m)
	require.NoError(t, mediator.Publish(t.Context(), m, order{}))
	require.NoError(t, m.Close(t.Context()))
	require.NoError(t, m.Close(t.Context()), "Close may be called twice")

	ctx := t.Context()
	_, err = mediator.Send(ctx, m, placeOrder{})
	require.ErrorIs(t, err, mediator.ErrClosed)
	require.EqualError(t, err, "mediator: send place: mediator is closed")
	_, err = send(ctx, placeOrder{})
	require.ErrorIs(t, err, mediator.ErrClosed)
	require.ErrorIs(t, mediator.Exec(ctx, m, cancelOrder{}), mediator.ErrClosed, "also without a handler")
	require.ErrorIs(t, mediator.Publish(ctx, m, order{}), mediator.ErrClosed)
	require.ErrorIs(t, mediator.Publish(ctx, m, "no subscriber"), mediator.ErrClosed)
	require.ErrorIs(t, mediator.Publish(ctx, m, order{}, mediator.Background()), mediator.ErrClosed)
	_, err = mediator.Dispatch(ctx, m, "place", func(any) error { return nil })
	require.ErrorIs(t, err, mediator.ErrClosed)
	_, err = mediator.Listen(m, func(context.Context, order) error { return nil })
	require.ErrorIs(t, err, mediator.ErrClosed)
	n := 0
	for _, err := range mediator.Stream(ctx, m, count{N: 3}) {
		require.ErrorIs(t, err, mediator.ErrClosed)
		n++
	}
	require.Equal(t, 1, n)
	s := mediator.StreamChan(ctx, m, count{N: 3})
	_, open := <-s.C
	require.False(t, open)
	require.ErrorIs(t, s.Err(), mediator.ErrClosed)
}

// giftOrder is a request by what it embeds.
type giftOrder struct{ placeOrder }

// laterOrder has another request in it, and embeds none.
type laterOrder struct {
	mediator.Returns[order]
	First placeOrder
}

func TestSendAny(t *testing.T) {
	m := newMediator(t, mediator.Handle(orders{prefix: "o-"}.Place), mediator.HandleStream(counting),
		mediator.HandleCommand(func(_ context.Context, c *cancelOrder) error { return errBoom }))
	got, err := mediator.SendAny(t.Context(), m, placeOrder{SKU: "x"})
	require.NoError(t, err)
	require.Equal(t, order{ID: "o-x"}, got)
	got, err = mediator.SendAny(t.Context(), m, &cancelOrder{})
	require.ErrorIs(t, err, errBoom)
	require.Nil(t, got)

	_, err = mediator.SendAny(t.Context(), m, nil)
	require.ErrorIs(t, err, mediator.ErrMessageType)
	_, err = mediator.SendAny(t.Context(), m, &placeOrder{})
	require.ErrorContains(t, err, "one for mediator_test.placeOrder exists: send a value")
	_, err = mediator.SendAny(t.Context(), m, 7)
	require.ErrorIs(t, err, mediator.ErrNoHandler)
	_, err = mediator.SendAny(t.Context(), m, count{})
	require.ErrorContains(t, err, "use Stream")
}
