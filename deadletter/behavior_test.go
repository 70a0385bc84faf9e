package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestWhatFailsIsKeptWithAllThatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		type traceKey struct{}
		final := fmt.Errorf("bank: %w", errors.Join(errDeclined, io.ErrUnexpectedEOF))
		m := newMediator(t,
			mediator.Use(deadletter.Behavior(store, deadletter.Headers(func(ctx context.Context) map[string]string {
				return map[string]string{"traceparent": ctx.Value(traceKey{}).(string)}
			}))),
			mediator.Handle(func(context.Context, Charge) (Receipt, error) { return Receipt{}, final }, mediator.Named("shop.charge")),
		)
		ctx := context.WithValue(t.Context(), traceKey{}, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		_, err := mediator.Send(ctx, m, Charge{Cents: 1250})
		require.Equal(t, final, err, "the caller gets the error as it is")

		l := theLetter(t, store)
		require.Len(t, l.ID, 36)
		l.ID = ""
		require.Equal(t, deadletter.Letter{
			Name: "shop.charge", Kind: mediator.KindRequest, Body: []byte(`{"Cents":1250}`), ContentType: "application/json",
			Errors:   []string{"bank: declined\nunexpected EOF", "declined\nunexpected EOF", "declined", "unexpected EOF"},
			Attempts: 1, First: time.Now(), Last: time.Now(),
			Headers: map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		}, l)
	})
}

func TestASuccessLeavesNoLetter(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.Handle(new(switched).charge), mediator.Subscribe(new(switched).paid), mediator.HandleStream(rates(nil)))
	_, err := mediator.Send(t.Context(), m, Charge{})
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, OrderPaid{}))
	for _, err := range mediator.Stream(t.Context(), m, Rates{}) {
		require.NoError(t, err)
	}
	require.Empty(t, letters(t, store))
}

func rates(err error) func(context.Context, Rates) iter.Seq2[int, error] {
	return func(context.Context, Rates) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			if yield(1, nil) && yield(2, nil) && err != nil {
				yield(0, err)
			}
		}
	}
}

func TestASubscribersFailureIsThatGroupsAlone(t *testing.T) {
	store := deadletter.NewMemory()
	good, bad := &switched{}, &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.Subscribe(good.paid, mediator.Group("mail")),
		mediator.Subscribe(bad.paid, mediator.Group("stock")))
	require.ErrorIs(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 7}), errDeclined)
	l := theLetter(t, store)
	require.Equal(t, "stock", l.Group)
	require.Equal(t, mediator.KindNotification, l.Kind)
	require.JSONEq(t, `{"Receipt":7}`, string(l.Body))

	bad.set(nil)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Equal(t, 1, good.count(), "the other group got it once")
	require.Equal(t, 2, bad.count())
	require.Empty(t, letters(t, store))
}

func TestAFailingStoreAddsItsError(t *testing.T) {
	store := &broken{put: func() error { return io.ErrShortWrite }, Store: deadletter.NewMemory()}
	var told []error
	m := newMediator(t,
		mediator.Use(deadletter.Behavior(store, deadletter.OnLetter(func(_ context.Context, _ deadletter.Letter, err error) { told = append(told, err) }))),
		mediator.Handle((&switched{err: errDeclined}).charge))
	_, err := mediator.Send(t.Context(), m, Charge{Cents: 5})
	require.ErrorIs(t, err, errDeclined)
	require.ErrorIs(t, err, io.ErrShortWrite)
	var lost *deadletter.StoreError
	require.ErrorAs(t, err, &lost)
	require.JSONEq(t, `{"Cents":5}`, string(lost.Letter.Body), "the letter is not lost")
	require.ErrorContains(t, err, "dead letter "+lost.Letter.ID+" of deadletter_test.Charge: short write")
	require.Equal(t, []error{lost}, told)

	store.put = func() error { panic("store") }
	_, err = mediator.Send(t.Context(), m, Charge{Cents: 5})
	require.ErrorIs(t, err, errDeclined)
	var p *mediator.PanicError
	require.ErrorAs(t, err, &p)

	store.put = nil
	_, err = mediator.Send(t.Context(), m, Charge{Cents: 5})
	require.Equal(t, errDeclined, err)
	require.NoError(t, told[2])
}

func TestPutWorksAfterTheCallersContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &broken{Store: deadletter.NewMemory()}
		type key struct{}
		store.putCtx = func(ctx context.Context) {
			require.NoError(t, ctx.Err())
			require.Equal(t, "value", ctx.Value(key{}))
			until, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, time.Minute, time.Until(until))
		}
		m := newMediator(t, mediator.Use(deadletter.Behavior(store, deadletter.PutTimeout(time.Minute))),
			mediator.Handle(func(ctx context.Context, _ Charge) (Receipt, error) {
				<-ctx.Done()
				return Receipt{}, ctx.Err()
			}))
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), time.Second)
		defer cancel()
		_, err := mediator.Send(ctx, m, Charge{})
		require.ErrorIs(t, err, context.DeadlineExceeded, "a deadline makes a letter")
		require.Equal(t, []string{"context deadline exceeded"}, theLetter(t, store).Errors)
	})
}

func TestAHangingStoreIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &broken{Store: deadletter.NewMemory()}
		store.putCtx = func(ctx context.Context) { <-ctx.Done() }
		m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle((&switched{err: errDeclined}).charge))
		start := time.Now()
		_, err := mediator.Send(t.Context(), m, Charge{})
		require.ErrorIs(t, err, errDeclined)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestIfDecides(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t,
		mediator.Use(deadletter.Behavior(store, deadletter.If(func(_ context.Context, c mediator.Call, err error) bool {
			return c.Name() == "deadletter_test.OrderPaid" || errors.Is(err, io.EOF)
		}))),
		mediator.Handle((&switched{err: errDeclined}).charge),
		mediator.Subscribe((&switched{err: errDeclined}).paid))
	_, err := mediator.Send(t.Context(), m, Charge{})
	require.Equal(t, errDeclined, err)
	require.Empty(t, letters(t, store))
	require.ErrorIs(t, mediator.Publish(t.Context(), m, OrderPaid{}), errDeclined)
	require.Len(t, letters(t, store), 1)
}

func TestManyCallersFailAtOnce(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.Handle(func(_ context.Context, c Charge) (Receipt, error) { return Receipt{}, fmt.Errorf("no %d", c.Cents) }))
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 20 {
				_, err := mediator.Send(t.Context(), m, Charge{Cents: i*20 + j})
				if err == nil {
					t.Error("no error")
				}
			}
		})
	}
	wg.Wait()
	all := letters(t, store)
	require.Len(t, all, 64*20)
	for _, l := range all {
		require.Equal(t, strings.TrimSuffix(strings.TrimPrefix(string(l.Body), `{"Cents":`), "}"), strings.TrimPrefix(l.Errors[0], "no "))
	}
}
