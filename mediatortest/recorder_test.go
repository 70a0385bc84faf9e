package mediatortest_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/stretchr/testify/require"
)

func lines(r *mediatortest.Recorder) []string {
	var out []string
	for _, c := range r.Calls() {
		out = append(out, c.String())
	}
	return out
}

func TestRecorderOutcomes(t *testing.T) {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec,
		mediator.Handle(func(_ context.Context, c Charge) (Receipt, error) {
			if c.Cents < 0 {
				return Receipt{ID: -1}, errDeclined
			}
			return Receipt{ID: c.Cents}, nil
		}),
		mediator.HandleCommand(func(context.Context, Refund) error { return nil }),
		mediator.HandleStream(mediatortest.FailAfter[Rates](errDeclined, 1, 2, 3)),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return errDeclined }, mediator.Group("mail")),
		mediator.Subscribe(tear, mediator.Group("print")),
	)
	ctx := t.Context()
	_, err := mediator.Send(ctx, m, Charge{Cents: 5})
	require.NoError(t, err)
	_, err = mediator.Send(ctx, m, Charge{Cents: -5})
	require.ErrorIs(t, err, errDeclined)
	require.NoError(t, mediator.Exec(ctx, m, Refund{Receipt: 5}))
	require.Error(t, mediator.Publish(ctx, m, OrderPaid{Receipt: 5}))
	for item, err := range mediator.Stream(ctx, m, Rates{Currency: "EUR"}) {
		require.NoError(t, err)
		require.Equal(t, 1, item)
		break
	}

	calls := rec.Calls()
	panicked := calls[5].Err
	calls[5].Err = nil
	const pkg = "mediatortest_test."
	require.Equal(t, []mediatortest.Call{
		{Kind: mediator.KindRequest, Name: pkg + "Charge", Message: Charge{Cents: 5}, Response: Receipt{ID: 5}, Done: true},
		{Kind: mediator.KindRequest, Name: pkg + "Charge", Message: Charge{Cents: -5}, Response: Receipt{ID: -1}, Err: errDeclined, Done: true},
		{Kind: mediator.KindRequest, Name: pkg + "Refund", Message: Refund{Receipt: 5}, Response: mediator.None{}, Done: true},
		{Kind: mediator.KindNotification, Name: pkg + "OrderPaid", Message: OrderPaid{Receipt: 5}, Done: true},
		{Kind: mediator.KindNotification, Name: pkg + "OrderPaid", Handler: "mail", Message: OrderPaid{Receipt: 5}, Err: errDeclined, Done: true},
		{Kind: mediator.KindNotification, Name: pkg + "OrderPaid", Handler: "print", Message: OrderPaid{Receipt: 5}, Done: true},
		{Kind: mediator.KindStream, Name: pkg + "Rates", Message: Rates{Currency: "EUR"}, Items: 1, Done: true},
	}, calls)
	var p *mediator.PanicError
	require.ErrorAs(t, panicked, &p)
	require.Equal(t, "torn", p.Value)
	require.Contains(t, string(p.Stack), "mediatortest_test.tear(", "where the panic began")
}

func tear(context.Context, OrderPaid) error { panic("torn") }

func TestRecorderFilters(t *testing.T) {
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec,
		mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})),
		mediator.Handle(mediatortest.Reply[*Charge](Receipt{ID: 8}), mediator.Named("charge by pointer")),
		mediator.HandleCommand(func(context.Context, Refund) error { return nil }),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return nil }),
		mediator.Subscribe(func(context.Context, described) error { return errDeclined }, mediator.Group("all")),
		mediator.HandleStream(mediatortest.Items[Rates](1)),
	)
	ctx := t.Context()
	byPointer := &Charge{Cents: 2}
	require.NoError(t, checkout(ctx, mediatortest.New(t, mediator.Handle(mediatortest.Reply[Charge](Receipt{}))), 1))
	require.Empty(t, rec.Calls(), "those of another mediator")
	require.Empty(t, mediatortest.Sent[Charge](rec))
	require.ErrorIs(t, checkout(ctx, m, 1), errDeclined)
	_, err := mediator.Send(ctx, m, byPointer)
	require.NoError(t, err)
	require.NoError(t, mediator.Exec(ctx, m, Refund{Receipt: 7}))
	require.NoError(t, mediator.Publish(ctx, m, "closing time"))
	stream := mediator.Stream(ctx, m, Rates{Currency: "EUR"})
	require.Empty(t, mediatortest.Streamed[Rates](rec), "nothing ran")
	for range 2 {
		for _, err := range stream {
			require.NoError(t, err)
		}
	}

	require.Equal(t, []Charge{{Cents: 1}}, mediatortest.Sent[Charge](rec))
	require.Equal(t, []*Charge{byPointer}, mediatortest.Sent[*Charge](rec))
	require.Equal(t, []mediator.Request[Receipt]{Charge{Cents: 1}, byPointer}, mediatortest.Sent[mediator.Request[Receipt]](rec))
	require.Equal(t, []OrderPaid{{Receipt: 7}}, mediatortest.Published[OrderPaid](rec))
	require.Equal(t, []described{OrderPaid{Receipt: 7}}, mediatortest.Published[described](rec))
	require.Equal(t, []any{OrderPaid{Receipt: 7}, "closing time"}, mediatortest.Published[any](rec))
	require.Equal(t, []Rates{{Currency: "EUR"}, {Currency: "EUR"}}, mediatortest.Streamed[Rates](rec))
	require.Len(t, mediatortest.CallsOf[OrderPaid](rec), 3)
	require.Len(t, mediatortest.CallsOf[described](rec), 3)
	require.Empty(t, mediatortest.CallsOf[int](rec))
}

func TestRecorderOfARelay(t *testing.T) {
	rec, atRelay := mediatortest.NewRecorder(), mediatortest.NewRecorder()
	var outcome error
	m := mediatortest.New(t, rec,
		mediator.Relay(func(context.Context, OrderPaid) error { return outcome }, atRelay, mediator.Named("paid")),
		mediator.Subscribe(func(context.Context, OrderPaid) error { return errDeclined }, mediator.Group("mail")))
	ctx := t.Context()
	deliver := func(group string) error {
		return mediator.DispatchTo(ctx, m, "paid", group, func(target any) error { target.(*OrderPaid).Receipt = 5; return nil })
	}
	require.NoError(t, mediator.Publish(ctx, m, OrderPaid{Receipt: 5}))
	for _, route := range m.Inspect() {
		if route.Kind == mediator.KindNotification && !route.Relay {
			require.Equal(t, route.Group == "mail", deliver(route.Group) != nil)
		}
	}
	outcome = errDeclined
	require.ErrorIs(t, mediator.Publish(ctx, m, OrderPaid{Receipt: 6}), errDeclined)
	require.NoError(t, mediator.Publish(ctx, m, "without a relay"))
	require.Equal(t, []string{
		"notification paid", "notification paid to mail: declined", "notification paid: declined", "notification string",
	}, lines(rec))
	require.Equal(t, []string{"notification paid", "notification paid: declined"}, lines(atRelay))
	require.Equal(t, []OrderPaid{{Receipt: 5}, {Receipt: 6}}, mediatortest.Published[OrderPaid](rec))
}

func TestRecorderPassesOnPanicsAndGoexit(t *testing.T) {
	own := &mediator.PanicError{Value: "own"}
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.Handle(func(_ context.Context, c Charge) (Receipt, error) {
		switch c.Cents {
		case 0:
			runtime.Goexit()
		case 1:
			panic(errDeclined)
		}
		panic(own)
	}))
	var wg sync.WaitGroup
	after := false
	wg.Go(func() {
		_, _ = mediator.Send(t.Context(), m, Charge{Cents: 0})
		after = true
	})
	wg.Wait()
	require.False(t, after)
	require.PanicsWithValue(t, errDeclined, func() { _, _ = mediator.Send(t.Context(), m, Charge{Cents: 1}) })
	require.PanicsWithValue(t, own, func() { _, _ = mediator.Send(t.Context(), m, Charge{Cents: 2}) })

	calls := rec.Calls()
	require.Len(t, calls, 3)
	require.ErrorIs(t, calls[0].Err, mediator.ErrGoexit)
	require.ErrorIs(t, calls[1].Err, errDeclined)
	var p *mediator.PanicError
	require.ErrorAs(t, calls[1].Err, &p)
	require.Same(t, own, calls[2].Err)
	for _, c := range calls {
		require.True(t, c.Done)
		require.Nil(t, c.Response)
	}
}

// The behaviors of a mediator see no more calls for a Recorder outside them.
func TestRecorderDisturbsNothing(t *testing.T) {
	var seen []string
	refuse := mediator.Around(func(_ context.Context, c mediator.Call, _ mediator.Next) error {
		seen = append(seen, c.Handler())
		return errDeclined
	})
	first, second := mediatortest.NewRecorder(), mediatortest.NewRecorder()
	m := mediatortest.New(t, first, second, mediator.Use(refuse))
	require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 1}))
	require.Empty(t, seen)
	stop, err := mediator.Listen(m, func(context.Context, OrderPaid) error { return nil }, mediator.Group("late"))
	require.NoError(t, err)
	defer stop()
	require.ErrorIs(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 2}), errDeclined)
	require.Equal(t, []string{"late"}, seen)

	want := []string{
		"notification mediatortest_test.OrderPaid",
		"notification mediatortest_test.OrderPaid",
		"notification mediatortest_test.OrderPaid to late: declined",
	}
	require.Equal(t, want, lines(first))
	require.Equal(t, want, lines(second))
	require.NoError(t, m.Close(t.Context()))
	require.ErrorIs(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 3}), mediator.ErrClosed)
	require.Len(t, first.Calls(), 3)
}

func TestRecorderOfOneSubscriber(t *testing.T) {
	rec := mediatortest.NewRecorder()
	ignore := func(context.Context, OrderPaid) error { return nil }
	m := mediatortest.New(t,
		mediator.Subscribe(ignore, mediator.Group("mail"), rec),
		mediator.Subscribe(ignore, mediator.Group("stock")),
	)
	require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 1}))
	require.Equal(t, []string{"notification mediatortest_test.OrderPaid to mail"}, lines(rec))
	require.Empty(t, mediatortest.Published[OrderPaid](rec))
}

func TestRecorderWhileCallsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := mediatortest.NewRecorder()
		m := mediatortest.New(t, rec, mediator.HandleStream(mediatortest.Items[Rates](1, 2, 3)))
		next := make(chan struct{})
		go func() {
			for _, err := range mediator.Stream(t.Context(), m, Rates{Currency: "EUR"}) {
				if err != nil {
					t.Error(err)
				}
				<-next
			}
		}()
		delivered := func(n int) func([]mediatortest.Call) bool {
			return func(calls []mediatortest.Call) bool { return len(calls) == 1 && calls[0].Items == n }
		}
		require.NoError(t, rec.WaitFor(t.Context(), delivered(1)))
		next <- struct{}{}
		require.NoError(t, rec.WaitFor(t.Context(), delivered(2)))
		require.Equal(t, []string{"stream mediatortest_test.Rates, 2 items, in progress"}, lines(rec))

		rec.Reset()
		close(next)
		synctest.Wait()
		require.Empty(t, rec.Calls(), "a call that began before Reset")
	})
}

func TestWaitForEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := mediatortest.NewRecorder()
		m := mediatortest.New(t, rec)
		never := func([]mediatortest.Call) bool { return false }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := rec.WaitFor(ctx, never)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "recorded: none")

		require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 1}))
		require.NoError(t, mediator.Publish(t.Context(), m, "closing time"))
		ctx, stop := context.WithCancelCause(t.Context())
		stop(errDeclined)
		err = rec.WaitFor(ctx, never)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errDeclined)
		require.ErrorContains(t, err, "recorded: notification mediatortest_test.OrderPaid; notification string")
		require.NoError(t, rec.WaitFor(ctx, func(calls []mediatortest.Call) bool { return len(calls) == 2 }), "true at once")
	})
}

func TestRecorderConcurrently(t *testing.T) {
	const senders, each = 8, 50
	rec := mediatortest.NewRecorder()
	m := mediatortest.New(t, rec, mediator.Handle(mediatortest.Reply[Charge](Receipt{ID: 7})))
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for i := range each {
				if err := checkout(t.Context(), m, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	require.NoError(t, rec.WaitFor(t.Context(), func([]mediatortest.Call) bool {
		return len(mediatortest.Published[OrderPaid](rec)) == senders*each
	}))
	wg.Wait()
	require.Len(t, mediatortest.Sent[Charge](rec), senders*each)
	for _, c := range rec.Calls() {
		require.True(t, c.Done)
	}
}

func TestRecorderTwiceInOneMediator(t *testing.T) {
	rec := mediatortest.NewRecorder()
	_, err := mediator.New(rec, rec)
	require.ErrorContains(t, err, `Group "mediatortest.Recorder#`)
}
