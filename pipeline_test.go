package mediator_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// tag writes where it stands.
func tag(log *[]string, name string) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		*log = append(*log, name+">")
		err := next(ctx, c)
		*log = append(*log, "<"+name)
		return err
	})
}

func tagTyped(log *[]string, name string) mediator.HandlerOption {
	return mediator.Typed(func(ctx context.Context, q placeOrder, next func(context.Context, placeOrder) (order, error)) (order, error) {
		*log = append(*log, name+">")
		o, err := next(ctx, q)
		*log = append(*log, "<"+name)
		return o, err
	})
}

func TestTheFirstBehaviorIsTheOutermost(t *testing.T) {
	var log []string
	m := newMediator(t,
		mediator.Handle(func(context.Context, placeOrder) (order, error) {
			log = append(log, "handler")
			return order{}, nil
		}, mediator.Use(tag(&log, "c"), tag(&log, "d")), tagTyped(&log, "e"), mediator.Use(tag(&log, "f")), tagTyped(&log, "g")),
		mediator.Use(tag(&log, "a")),
		mediator.Use(tag(&log, "b")),
	)
	_, err := mediator.Send(t.Context(), m, placeOrder{})
	require.NoError(t, err)
	require.Equal(t, "a> b> c> d> e> f> g> handler <g <f <e <d <c <b <a", strings.Join(log, " "))
}

// Fault of the system reimplemented here: typed interceptors never ran.
func TestFault1TypedInterceptorsRunAndMayChangeBothWays(t *testing.T) {
	double := mediator.Typed(func(ctx context.Context, q placeOrder, next func(context.Context, placeOrder) (order, error)) (order, error) {
		q.Qty *= 2
		o, err := next(ctx, q)
		o.ID += "!"
		return o, err
	})
	for name, opts := range map[string][]mediator.HandlerOption{
		"alone":   {double},
		"inside":  {mediator.Use(noop), double},
		"outside": {double, mediator.Use(noop)},
		"between": {mediator.Use(noop, noop), double, mediator.Use(noop)},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMediator(t, mediator.Handle(orders{prefix: "o-"}.Place, opts...))
			o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x", Qty: 3})
			require.NoError(t, err)
			require.Equal(t, order{ID: "o-x!", Total: 6}, o)
		})
	}
}

func TestWrapRunsOnceAHandler(t *testing.T) {
	wraps := 0
	b := mediator.BehaviorFunc(func(next mediator.Next) mediator.Next { wraps++; return next })
	m := newMediator(t, mediator.Use(b, b), mediator.Handle(place1), mediator.HandleStream(counting),
		mediator.Subscribe(onOrder), mediator.Subscribe(func(context.Context, any) error { return nil }))
	require.Equal(t, 8, wraps)
	for range 3 {
		_, err := mediator.Send(t.Context(), m, placeOrder{})
		require.NoError(t, err)
		require.NoError(t, mediator.Publish(t.Context(), m, order{}))
		require.NoError(t, mediator.Publish(t.Context(), m, "text"))
	}
	require.Equal(t, 8, wraps)
}

func TestOneBehaviorSeesAllThreeKinds(t *testing.T) {
	var seen []string
	look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		before := c.Response()
		err := next(ctx, c)
		seen = append(seen, fmt.Sprintf("%v %s %s %v %v %v>%v", c.Kind(), c.Name(), c.Handler(), c.Type(), c.Message(), before, c.Response()))
		return err
	})
	m := newMediator(t, mediator.Use(look),
		mediator.Handle(orders{prefix: "o-"}.Place, mediator.Named("place-order")),
		mediator.HandleCommand(func(context.Context, cancelOrder) error { return nil }),
		mediator.Subscribe(onOrder, mediator.Group("stock")),
		mediator.Subscribe(func(context.Context, fmt.Stringer) error { return nil }, mediator.Group("strings")),
		mediator.HandleStream(counting))
	_, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
	require.NoError(t, err)
	require.NoError(t, mediator.Exec(t.Context(), m, cancelOrder{ID: "7"}))
	require.NoError(t, mediator.Publish(t.Context(), m, order{ID: "o"}))
	require.NoError(t, mediator.Publish(t.Context(), m, reflect.TypeFor[int]()))
	for range mediator.Stream(t.Context(), m, count{N: 1}) {
	}
	require.Equal(t, []string{
		"request place-order  mediator_test.placeOrder {{} x 0} <nil>>{o-x 0}",
		"request mediator_test.cancelOrder  mediator_test.cancelOrder {{} 7} <nil>>{}",
		"notification mediator_test.order stock mediator_test.order {o 0} <nil>><nil>",
		"notification reflect.rtype strings *reflect.rtype int <nil>><nil>",
		"stream mediator_test.count  mediator_test.count {{} 1} <nil>><nil>",
	}, seen)
}

// retry is a plain one, without the care that the real one takes.
func retry(n int) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
		for range n {
			if err = next(ctx, c); err == nil {
				return nil
			}
		}
		return err
	})
}

var recovering = mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("recovered: %v", v)
		}
	}()
	return next(ctx, c)
})

func TestABehaviorMayCallNextAgain(t *testing.T) {
	for _, bs := range [][]mediator.Behavior{
		{retry(3)}, {retry(3), noop}, {noop, retry(3)}, {noop, retry(3), noop, noop}, {retry(1), retry(3), recovering},
	} {
		calls := 0
		m := newMediator(t, mediator.Use(bs...), mediator.Handle(func(_ context.Context, q placeOrder) (order, error) {
			if calls++; calls%3 != 0 {
				return order{ID: "failed"}, errBoom
			}
			return order{Total: calls}, nil
		}))
		for i := range 3 {
			o, err := mediator.Send(t.Context(), m, placeOrder{})
			require.NoError(t, err)
			require.Equal(t, order{Total: 3 * (i + 1)}, o)
		}
	}
}

func TestRetryAfterAPanicThatWasRecovered(t *testing.T) {
	calls := 0
	m := newMediator(t, mediator.Use(retry(2), recovering, noop), mediator.Handle(func(context.Context, placeOrder) (order, error) {
		if calls++; calls == 1 {
			panic("first")
		}
		return order{Total: calls}, nil
	}))
	o, err := mediator.Send(t.Context(), m, placeOrder{})
	require.NoError(t, err)
	require.Equal(t, 2, o.Total)

	calls = 0
	m = newMediator(t, mediator.Use(recovering), mediator.Handle(func(context.Context, placeOrder) (order, error) { panic(errBoom) }))
	_, err = mediator.Send(t.Context(), m, placeOrder{})
	require.EqualError(t, err, "recovered: boom")
}

func TestShortCircuitWithSetResponse(t *testing.T) {
	answer := mediator.Around(func(_ context.Context, c mediator.Call, _ mediator.Next) error {
		return c.SetResponse(order{ID: "cached"})
	})
	for _, bs := range [][]mediator.Behavior{{answer}, {noop, answer}, {noop, noop, answer, noop}} {
		m := newMediator(t, mediator.Use(bs...), mediator.Handle(func(context.Context, placeOrder) (order, error) {
			t.Fatal("the handler must not run")
			return order{}, nil
		}))
		for range 3 {
			o, err := mediator.Send(t.Context(), m, placeOrder{})
			require.NoError(t, err)
			require.Equal(t, "cached", o.ID)
		}
	}
}

func TestAnAnswerWithNothingIsErrNoResponse(t *testing.T) {
	swallow := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { return nil })
	m := newMediator(t, mediator.Use(swallow), mediator.Handle(orders{}.Place),
		mediator.HandleCommand(func(context.Context, cancelOrder) error { return errBoom }))
	_, err := mediator.Send(t.Context(), m, placeOrder{})
	require.ErrorIs(t, err, mediator.ErrNoResponse)
	require.EqualError(t, err, "mediator: send mediator_test.placeOrder: no response: a behavior returned nil without calling next or SetResponse")
	require.NoError(t, mediator.Exec(t.Context(), m, cancelOrder{}), "a command needs no response")
	require.NoError(t, mediator.Publish(t.Context(), m, order{}))
}

func TestABehaviorThatSwallowsTheErrorLeavesTheHandlersResponse(t *testing.T) {
	swallow := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		_ = next(ctx, c)
		return nil
	})
	m := newMediator(t, mediator.Use(swallow), mediator.Handle(func(context.Context, placeOrder) (order, error) {
		return order{ID: "partial"}, errBoom
	}))
	o, err := mediator.Send(t.Context(), m, placeOrder{})
	require.NoError(t, err)
	require.Equal(t, "partial", o.ID)
}

func TestCallingNextDiscardsAnEarlierResponse(t *testing.T) {
	first := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := c.SetResponse(order{ID: "guess"}); err != nil {
			return err
		}
		return next(ctx, c)
	})
	nothing := mediator.Around(func(context.Context, mediator.Call, mediator.Next) error { return nil })
	m := newMediator(t, mediator.Use(first, nothing), mediator.Handle(orders{}.Place))
	_, err := mediator.Send(t.Context(), m, placeOrder{})
	require.ErrorIs(t, err, mediator.ErrNoResponse)
}

func TestABehaviorReplacesTheResponseAndTheContext(t *testing.T) {
	type key struct{}
	b := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if err := next(context.WithValue(ctx, key{}, "v"), c); err != nil {
			return err
		}
		o := c.Response().(order)
		o.ID += "+"
		return c.SetResponse(o)
	})
	m := newMediator(t, mediator.Use(b, b), mediator.Handle(func(ctx context.Context, _ placeOrder) (order, error) {
		return order{ID: ctx.Value(key{}).(string)}, nil
	}))
	for range 2 {
		o, err := mediator.Send(t.Context(), m, placeOrder{})
		require.NoError(t, err)
		require.Equal(t, "v++", o.ID)
	}
}

func TestSetResponseOfAnotherType(t *testing.T) {
	var got []error
	set := func(v any) mediator.Behavior {
		return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			err := next(ctx, c)
			got = append(got, c.SetResponse(v))
			return err
		})
	}
	m := newMediator(t,
		mediator.Handle(orders{prefix: "o-"}.Place, mediator.Use(set("text"), set(nil), set(&order{}))),
		mediator.Handle(func(context.Context, get[error]) (error, error) { return errBoom, nil }, mediator.Use(set(nil))),
		mediator.Handle(func(context.Context, get[*order]) (*order, error) { return &order{}, nil }, mediator.Use(set(nil))),
		mediator.Subscribe(onOrder, mediator.Use(set(mediator.None{}))),
		mediator.HandleStream(counting, mediator.Use(set(1))))
	o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
	require.NoError(t, err)
	require.Equal(t, "o-x", o.ID, "the response stays")
	require.Len(t, got, 3)
	for _, err := range got {
		require.ErrorIs(t, err, mediator.ErrMessageType)
	}
	require.EqualError(t, got[2], "mediator: set response mediator_test.placeOrder: wrong type: the response is a mediator_test.order, not a string")

	got = nil
	e, err := mediator.Send(t.Context(), m, get[error]{})
	require.NoError(t, err)
	require.NoError(t, e, "nil is a value of an interface")
	require.NoError(t, got[0])

	require.NoError(t, mediator.Publish(t.Context(), m, order{}))
	require.ErrorIs(t, got[1], mediator.ErrMessageType)
	require.ErrorContains(t, got[1], "a notification has no response")
	for range mediator.Stream(t.Context(), m, count{}) {
	}
	require.ErrorIs(t, got[2], mediator.ErrMessageType)
	require.ErrorContains(t, got[2], "a stream has no response")

	got = nil
	p, err := mediator.Send(t.Context(), m, get[*order]{})
	require.NoError(t, err)
	require.Nil(t, p, "nil is a value of a pointer")
	require.NoError(t, got[0])
}

func TestTheZeroCallIsOver(t *testing.T) {
	var c mediator.Call
	require.ErrorIs(t, c.Err(), mediator.ErrCallOver)
	require.Zero(t, c.Kind())
	require.Empty(t, c.Name())
	require.Empty(t, c.Handler())
	require.Nil(t, c.Type())
	require.Nil(t, c.Message())
	require.Nil(t, c.Response())
	require.ErrorIs(t, c.SetResponse(1), mediator.ErrCallOver)
	wrongCall := mediator.Around(func(ctx context.Context, _ mediator.Call, next mediator.Next) error {
		return next(ctx, mediator.Call{})
	})
	for _, n := range []int{0, 1} {
		m := newMediator(t, mediator.Use(append([]mediator.Behavior{wrongCall}, noops(n)...)...), mediator.Handle(place1), mediator.HandleStream(counting))
		_, err := mediator.Send(t.Context(), m, placeOrder{})
		require.ErrorIs(t, err, mediator.ErrCallOver)
		for _, err := range mediator.Stream(t.Context(), m, count{}) {
			require.ErrorIs(t, err, mediator.ErrCallOver)
		}
	}
}

func TestNextWithTheCallOfAnotherMessage(t *testing.T) {
	var other mediator.Call
	keep := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		other = c
		return next(ctx, c)
	})
	swap := mediator.Around(func(ctx context.Context, _ mediator.Call, next mediator.Next) error { return next(ctx, other) })
	var inner error
	var m *mediator.Mediator
	m = newMediator(t,
		mediator.Handle(place1, mediator.Use(swap)),
		mediator.HandleStream(counting, mediator.Use(swap)),
		mediator.HandleCommand(func(ctx context.Context, _ cancelOrder) error { return nil },
			mediator.Use(keep, mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				_, inner = mediator.Send(ctx, m, placeOrder{})
				for _, err := range mediator.Stream(ctx, m, count{}) {
					inner = errors.Join(inner, err)
				}
				return next(ctx, c)
			}))))
	require.NoError(t, mediator.Exec(t.Context(), m, cancelOrder{}))
	require.ErrorIs(t, inner, mediator.ErrMessageType)
	require.Equal(t, 2, strings.Count(inner.Error(), "the call is of another message"))
}

func TestKindString(t *testing.T) {
	require.Equal(t, "request notification stream Kind(9)",
		fmt.Sprint(mediator.KindRequest, " ", mediator.KindNotification, " ", mediator.KindStream, " ", mediator.Kind(9)))
}
