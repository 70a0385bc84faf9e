package deadletter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// answered is a mediator with a fallback and a guard outside of the dead letters.
func answered(t *testing.T, store deadletter.Store, h *switched, rejects *bool, falls *bool) *mediator.Mediator {
	t.Helper()
	fallback := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		err := next(ctx, c)
		if err != nil && *falls {
			return c.SetResponse(Receipt{ID: -1})
		}
		return err
	})
	guard := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if *rejects {
			return behaviors.ErrOpen
		}
		return next(ctx, c)
	})
	return newMediator(t, mediator.Use(fallback, guard, deadletter.Behavior(store)), mediator.Handle(h.charge))
}

func TestFoundRedriveAnsweredWithoutTheHandlerKeepsTheLetter(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	rejects, falls := false, false
	m := answered(t, store, h, &rejects, &falls)
	fail(t, m, 1)
	before := theLetter(t, store)
	h.set(nil)
	rejects, falls = true, true
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Contains(t, report.String(), "0 redriven, 0 failed, 1 skipped: ")
	require.ErrorIs(t, report.Outcomes[0].Err, deadletter.ErrUnreached)
	require.Equal(t, before, theLetter(t, store))
	require.Equal(t, 1, h.count())

	falls = false
	report, err = deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Skipped)
	require.ErrorIs(t, report.Outcomes[0].Err, behaviors.ErrOpen)
	require.Equal(t, before, theLetter(t, store))

	rejects = false
	report, err = deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Empty(t, letters(t, store))
}

func TestFoundRedriveThroughAnIsolatedBreaker(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	breaker := behaviors.CircuitBreaker(behaviors.BreakerBalanced())
	fallback := behaviors.Fallback(func(context.Context, error) (Receipt, error) { return Receipt{ID: -1}, nil })
	m := newMediator(t, mediator.Use(fallback, breaker, deadletter.Behavior(store)), mediator.Handle(h.charge))
	_, err := mediator.Send(t.Context(), m, Charge{Cents: 1})
	require.NoError(t, err)
	require.Equal(t, 1, theLetter(t, store).Attempts)
	breaker.Isolate()
	_, err = deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Len(t, letters(t, store), 1)
	require.Equal(t, 1, h.count())
}

// refused is an error that says that the handler was not run.
type refused struct{}

func (refused) Error() string { return "refused" }
func (refused) Attempts() int { return 0 }

func TestFoundAHandlerThatRanHasWhateverItsErrorSays(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge))
	fail(t, m, 1)
	h.set(refused{})
	_, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 2, theLetter(t, store).Attempts)
}

func TestFoundConsumersPanicRecoveredInsideIsNoLetter(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t,
		mediator.Use(behaviors.Standard(behaviors.StandardConfig{DeadLetters: deadletter.Behavior(store)})...),
		mediator.HandleStream(rates(nil)))
	require.PanicsWithValue(t, "consumer", func() {
		for range mediator.Stream(t.Context(), m, Rates{}) {
			panic("consumer")
		}
	})
	require.Empty(t, letters(t, store))
}

func TestFoundPanicsOfIfAndOnLetterCostNothing(t *testing.T) {
	for name, o := range map[string]deadletter.Option{
		"If":       deadletter.If(func(context.Context, mediator.Call, error) bool { panic("torn") }),
		"OnLetter": deadletter.OnLetter(func(context.Context, deadletter.Letter, error) { panic("torn") }),
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory()
			m := newMediator(t, mediator.Use(deadletter.Behavior(store, o)), mediator.Handle((&switched{err: errDeclined}).charge))
			_, err := mediator.Send(t.Context(), m, Charge{Cents: 1})
			require.ErrorIs(t, err, errDeclined)
			require.ErrorContains(t, err, "panic: torn")
			lost, ok := errors.AsType[*deadletter.StoreError](err)
			require.True(t, ok)
			require.Equal(t, theLetter(t, store).ID, lost.Letter.ID)
		})
	}
}

// between deletes the letter when it is read for the second time: between the Get
// and the Put of a store without Replace.
type between struct {
	*deadletter.Memory
	gets int
}

func (b *between) Get(ctx context.Context, id string) (deadletter.Letter, error) {
	l, err := b.Memory.Get(ctx, id)
	if b.gets++; b.gets == 2 && err == nil {
		err = b.Delete(ctx, id)
	}
	return l, err
}

func (b *between) Replace(ctx context.Context, l deadletter.Letter) error {
	if err := b.Delete(ctx, l.ID); err != nil {
		return err
	}
	return b.Memory.Replace(ctx, l)
}

func TestFoundALetterDeletedBeforeItIsPutBackStaysDeleted(t *testing.T) {
	store := &between{Memory: deadletter.NewMemory()}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle((&switched{err: errDeclined}).charge))
	fail(t, m, 1)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed)
	require.Empty(t, letters(t, store))
}

func TestFoundTextsThatAreNoUTF8AreCleaned(t *testing.T) {
	store := deadletter.NewMemory()
	given := map[string]string{"k\xff": "v\xfe"}
	m := newMediator(t,
		mediator.Use(deadletter.Behavior(store, deadletter.Headers(func(context.Context) map[string]string { return given }))),
		mediator.Handle((&switched{err: errors.New("e\xff")}).charge, mediator.Named("n\xff")))
	fail(t, m, 1)
	l := theLetter(t, store)
	require.Equal(t, map[string]string{"k\uFFFD": "v\uFFFD"}, l.Headers)
	require.Equal(t, "n\uFFFD", l.Name)
	require.Equal(t, []string{"e\uFFFD"}, l.Errors)
	require.Contains(t, given, "k\xff", "the user's map is left alone")
	require.ErrorIs(t, store.Put(t.Context(), deadletter.Letter{ID: "\xff"}), deadletter.ErrID)
}

// A redrive through a mediator without a deadletter.Behavior goes by what the
// caller would get.
func TestFoundRedriveWhereNothingKeepsLettersIsDoneWhenHandled(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	rejects, falls := false, false
	fail(t, answered(t, store, h, &rejects, &falls), 1)
	plain := newMediator(t, mediator.Handle(h.charge))
	report, err := deadletter.Redrive(t.Context(), plain, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed)
	h.set(nil)
	report, err = deadletter.Redrive(t.Context(), plain, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Empty(t, letters(t, store))

	h.set(errDeclined) // inside of a condition, it still counts as one that keeps
	blocked := mediator.Around(func(context.Context, mediator.Call, mediator.Next) error { return nil })
	fail(t, answered(t, store, h, &rejects, &falls), 2)
	m := newMediator(t, mediator.Handle(h.charge, mediator.Use(
		mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			_ = next(ctx, c)
			return c.SetResponse(Receipt{})
		}), blocked, behaviors.When(behaviors.IsKind(mediator.KindRequest), deadletter.Behavior(store)))))
	report, err = deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Skipped)
}
