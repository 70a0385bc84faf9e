package deadletter_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// A behavior outside that turns failures into successes does not lose letters.
func TestAFallbackOutsideDoesNotClearTheLetter(t *testing.T) {
	store := deadletter.NewMemory()
	fallback := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if next(ctx, c) != nil {
			return c.SetResponse(Receipt{ID: -1})
		}
		return nil
	})
	h := &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(fallback, deadletter.Behavior(store)), mediator.Handle(h.charge))
	_, err := mediator.Send(t.Context(), m, Charge{})
	require.NoError(t, err)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed)
	require.Equal(t, 1, theLetter(t, store).Redrives)
	h.set(nil)
	report, err = deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
}

// A retry outside, though warned of, that succeeds at last clears the letter.
func TestARetryOutsideThatSucceedsClearsTheLetter(t *testing.T) {
	store := deadletter.NewMemory()
	calls := 0
	m := newMediator(t, mediator.OnWarning(func(string) {}), mediator.Use(retry{}, deadletter.Behavior(store)),
		mediator.Handle(func(context.Context, Charge) (Receipt, error) {
			if calls++; calls <= 3 {
				return Receipt{}, errDeclined
			}
			return Receipt{}, nil
		}))
	fail(t, m, 1)
	require.Len(t, letters(t, store), 2)
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.AtMost(1))
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Len(t, letters(t, store), 1)
}

// With two stores around a handler, a redrive from one leaves no letter in the
// other; what the handler sends is another matter, even of the same name.
func TestTheMarkIsForThisFailureAlone(t *testing.T) {
	outer, inner := deadletter.NewMemory(), deadletter.NewMemory()
	var m *mediator.Mediator
	nest := false
	m = newMediator(t, mediator.Use(deadletter.Behavior(outer), deadletter.Behavior(inner)),
		mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
			if nest && c.Cents == 1 {
				_, _ = mediator.Send(ctx, m, Charge{Cents: 2})
			}
			return Receipt{}, errDeclined
		}))
	fail(t, m, 1)
	for _, s := range []deadletter.Store{outer, inner} {
		report, err := deadletter.Redrive(t.Context(), m, s)
		require.NoError(t, err)
		require.Equal(t, 1, report.Failed)
	}
	require.Equal(t, 2, theLetter(t, outer).Attempts)
	require.Equal(t, 2, theLetter(t, inner).Attempts)

	nest = true
	report, err := deadletter.Redrive(t.Context(), m, outer)
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed, "letters made meanwhile are left for the next run")
	require.JSONEq(t, `{"Cents":2}`, string(letters(t, outer)[1].Body))
	require.Len(t, letters(t, outer), 2)
}

func TestARedriveSurvivesPanicAndGoexit(t *testing.T) {
	store := deadletter.NewMemory()
	first := true
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(func(_ context.Context, c Charge) (Receipt, error) {
		switch {
		case first:
			return Receipt{}, errDeclined
		case c.Cents == 1:
			panic("torn")
		case c.Cents == 2:
			runtime.Goexit()
		}
		return Receipt{}, nil
	}))
	fail(t, m, 1, 2, 3)
	first = false
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, "1 redriven, 2 failed, 0 skipped", report.String())
	left := letters(t, store)
	require.Equal(t, []string{"panic: torn"}, left[0].Errors)
	require.NotEmpty(t, left[0].Stack)
	require.Equal(t, []string{"handler called runtime.Goexit"}, left[1].Errors)
}

func TestAFailingStoreEndsTheRedrive(t *testing.T) {
	for name, tc := range map[string]struct {
		fault func(*broken, func() error)
		begun int
	}{
		"list":   {func(b *broken, f func() error) { b.list = f }, 0},
		"get":    {func(b *broken, f func() error) { b.get = f }, 0},
		"delete": {func(b *broken, f func() error) { b.del = f }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			store := &broken{Store: deadletter.NewMemory()}
			h := &switched{err: errDeclined}
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge))
			fail(t, m, 1, 2)
			h.set(nil)
			tc.fault(store, func() error { return io.ErrShortWrite })
			_, err := deadletter.Redrive(t.Context(), m, store)
			require.ErrorIs(t, err, io.ErrShortWrite)
			require.Equal(t, 2+tc.begun, h.count(), "no other letter is begun")
		})
	}
	store := &broken{Store: deadletter.NewMemory()}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle((&switched{err: errDeclined}).charge))
	fail(t, m, 1)
	store.put = func() error { return io.ErrShortWrite }
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.Equal(t, 1, report.Failed)
}

func TestAClosedMediatorEndsTheRedrive(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle((&switched{err: errDeclined}).charge))
	fail(t, m, 1, 2)
	require.NoError(t, m.Close(t.Context()))
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.ErrorIs(t, err, mediator.ErrClosed)
	require.Equal(t, deadletter.Report{}, report)
	require.Len(t, letters(t, store), 2)
}

// A handler whose own dependency is closed has failed.
func TestAHandlersErrClosedIsItsFailure(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: mediator.ErrClosed}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Subscribe(h.paid, mediator.Group("stock")))
	putPaid(t, store, 2)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 2, report.Failed)
}

// A behavior may stand for itself.
type ownSelf struct{ mediator.BehaviorFunc }

func (o *ownSelf) Unwrap() mediator.Behavior { return o }

func TestARedriveThroughABehaviorThatStandsForItself(t *testing.T) {
	store := deadletter.NewMemory()
	require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: "1", Name: "deadletter_test.Charge", Kind: mediator.KindRequest,
		Body: []byte(`{}`), ContentType: "application/json"}))
	cache := &ownSelf{func(mediator.Next) mediator.Next {
		return func(_ context.Context, c mediator.Call) error { return c.SetResponse(Receipt{ID: 7}) }
	}}
	m := newMediator(t, mediator.Use(cache), mediator.Handle(new(switched).charge))
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
}

// What the function of Streams makes of a letter is what counts.
func TestTheConsumerOfARedrivenStreamDecides(t *testing.T) {
	for name, consume := range map[string]func(ctx context.Context, m *mediator.Mediator) error{
		"without running it": func(context.Context, *mediator.Mediator) error { return nil },
		"by a panic of its own": func(ctx context.Context, m *mediator.Mediator) error {
			defer func() { _ = recover() }()
			for range mediator.Stream(ctx, m, Rates{}) {
				panic("mine")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory()
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.HandleStream(rates(nil)))
			require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: "1", Name: "deadletter_test.Rates", Kind: mediator.KindStream,
				Body: []byte("{}"), ContentType: "application/json"}))
			report, err := deadletter.Redrive(t.Context(), m, store,
				deadletter.Streams(func(ctx context.Context, _ deadletter.Letter, decode func(any) error) error {
					var q Rates
					return errors.Join(decode(&q), consume(ctx, m))
				}))
			require.NoError(t, err)
			require.Equal(t, 1, report.Redriven)
			require.Empty(t, letters(t, store))
		})
	}
}

func TestALetterDeletedMeanwhileStaysDeleted(t *testing.T) {
	store := deadletter.NewMemory()
	h := &switched{err: errDeclined}
	deleting := false
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
		if deleting {
			for _, l := range letters(t, store) {
				require.NoError(t, store.Delete(ctx, l.ID))
			}
		}
		return h.charge(ctx, c)
	}))
	fail(t, m, 1, 2)
	deleting = true
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed, "the second was gone before its turn")
	require.Empty(t, letters(t, store))
}

func TestALetterThatItsHandlerDeletesIsRedriven(t *testing.T) {
	store := deadletter.NewMemory()
	h := &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
		for _, l := range letters(t, store) {
			require.NoError(t, store.Delete(ctx, l.ID))
		}
		return h.charge(ctx, c)
	}))
	fail(t, m, 1)
	h.set(nil)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.NoError(t, report.Outcomes[0].Err)
}

func TestContextAndOnOutcome(t *testing.T) {
	store := deadletter.NewMemory()
	h := &switched{err: errDeclined}
	type key struct{}
	var seen []any
	m := newMediator(t,
		mediator.Use(deadletter.Behavior(store, deadletter.Headers(func(context.Context) map[string]string { return map[string]string{"traceparent": "00-1-2-01"} }))),
		mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
			seen = append(seen, ctx.Value(key{}))
			return h.charge(ctx, c)
		}))
	fail(t, m, 1)
	h.set(nil)
	var outcomes []deadletter.Outcome
	report, err := deadletter.Redrive(t.Context(), m, store,
		deadletter.Context(func(ctx context.Context, l deadletter.Letter) context.Context {
			return context.WithValue(ctx, key{}, l.Headers["traceparent"])
		}),
		deadletter.OnOutcome(func(_ context.Context, o deadletter.Outcome) { outcomes = append(outcomes, o) }))
	require.NoError(t, err)
	require.Equal(t, deadletter.Report{Redriven: 1}, report)
	require.Len(t, outcomes, 1)
	require.Equal(t, "redriven", outcomes[0].Status.String())
	require.NotEmpty(t, outcomes[0].Letter.Body)
	require.Equal(t, []any{nil, "00-1-2-01"}, seen)
}
