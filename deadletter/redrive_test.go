package deadletter_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// fail sends the charges and expects them to fail.
func fail(t testing.TB, m *mediator.Mediator, cents ...int) {
	t.Helper()
	for _, c := range cents {
		_, err := mediator.Send(t.Context(), m, Charge{Cents: c})
		require.Error(t, err)
	}
}

func TestPoisonStaysWithOneAttemptMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		h := &switched{err: errDeclined}
		m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge))
		fail(t, m, 1)
		before := theLetter(t, store)
		time.Sleep(time.Hour)
		h.set(io.ErrUnexpectedEOF)
		report, err := deadletter.Redrive(t.Context(), m, store)
		require.NoError(t, err, "a letter that fails is no failure of the run")
		require.Equal(t, "0 redriven, 1 failed, 0 skipped", report.String())
		require.ErrorIs(t, report.Outcomes[0].Err, io.ErrUnexpectedEOF)
		require.Equal(t, deadletter.Failed, report.Outcomes[0].Status)
		require.Equal(t, before.ID, report.Outcomes[0].Letter.ID)

		want := before
		want.Attempts, want.Redrives, want.Errors, want.Last = 2, 1, []string{"unexpected EOF"}, before.Last.Add(time.Hour)
		require.Equal(t, want, theLetter(t, store), "no second letter")
		require.Equal(t, 2, h.count(), "once a run")
	})
}

func TestRedriveChoosesByFilterAndCount(t *testing.T) {
	store := deadletter.NewMemory()
	h := &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge), mediator.Subscribe(h.paid, mediator.Group("stock")))
	fail(t, m, 1, 2, 3)
	require.Error(t, mediator.Publish(t.Context(), m, OrderPaid{}))
	h.set(nil)
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Filter{Group: "stock"})
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	report, err = deadletter.Redrive(t.Context(), m, store, deadletter.AtMost(2))
	require.NoError(t, err)
	require.Equal(t, 2, report.Redriven)
	require.JSONEq(t, `{"Cents":3}`, string(theLetter(t, store).Body), "the oldest first")
}

func TestRedriveKeepsToItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		h := &switched{err: errDeclined}
		var at []time.Duration
		start := time.Now()
		m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
			at = append(at, time.Since(start))
			if len(at) == 7 { // the second of the redriven
				time.Sleep(3 * time.Second)
			}
			return h.charge(ctx, c)
		}))
		fail(t, m, 1, 2, 3, 4, 5)
		h.set(nil)
		report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Rate(2))
		require.NoError(t, err)
		require.Equal(t, 5, report.Redriven)
		require.Equal(t, []time.Duration{0, 500 * time.Millisecond, 3500 * time.Millisecond, 4 * time.Second, 4500 * time.Millisecond}, at[5:])
	})
}

func TestAnInterruptedRedriveGoesOnWhereItWas(t *testing.T) {
	store := deadletter.NewMemory()
	errEnough := errors.New("enough")
	h := &switched{err: errDeclined}
	handled := map[int]int{}
	ctx, cancel := context.WithCancelCause(t.Context())
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
		if err := h.run(); err != nil {
			return Receipt{}, err
		}
		if handled[c.Cents]++; c.Cents == 3 {
			cancel(errEnough)
		}
		return Receipt{}, nil
	}))
	fail(t, m, 1, 2, 3, 4, 5)
	h.set(nil)
	report, err := deadletter.Redrive(ctx, m, store)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errEnough)
	require.Equal(t, 3, report.Redriven)
	require.Len(t, letters(t, store), 2, "what was handled is deleted, though the context had ended")
	report, err = deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 2, report.Redriven)
	require.Equal(t, map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, handled)
}

func TestALetterInterruptedStaysAsItWas(t *testing.T) {
	store := deadletter.NewMemory()
	h := &switched{err: errDeclined}
	ctx, cancel := context.WithCancel(t.Context())
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
		if err := h.run(); err != nil {
			return Receipt{}, err
		}
		cancel()
		return Receipt{}, ctx.Err()
	}))
	fail(t, m, 1)
	before := theLetter(t, store)
	h.set(nil)
	report, err := deadletter.Redrive(ctx, m, store)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, deadletter.Report{}, report)
	require.Equal(t, before, theLetter(t, store))
}

func TestWhatNobodyHandlesIsSkipped(t *testing.T) {
	store := deadletter.NewMemory()
	stock := new(switched)
	m := newMediator(t, mediator.Handle(new(switched).charge), mediator.Subscribe(stock.paid, mediator.Group("stock")), mediator.HandleStream(rates(nil)))
	for _, l := range []deadletter.Letter{
		{ID: "1", Name: "nobody", Kind: mediator.KindRequest, ContentType: "application/json", Body: []byte("{}")},
		{ID: "2", Name: "deadletter_test.OrderPaid", Kind: mediator.KindNotification, Group: "gone", ContentType: "application/json", Body: []byte("{}")},
		{ID: "3", Name: "deadletter_test.OrderPaid", Kind: mediator.KindNotification, ContentType: "application/json", Body: []byte("{}")},
		{ID: "4", Name: "deadletter_test.Charge", Kind: mediator.KindRequest, ContentType: "application/x", Body: []byte("{}")},
		{ID: "5", Name: "deadletter_test.Charge", Kind: mediator.KindRequest, ContentType: "application/json", Body: []byte("{")},
		{ID: "6", Name: "deadletter_test.Rates", Kind: mediator.KindStream, ContentType: "application/json", Body: []byte("{}")},
		{ID: "7", Name: "deadletter_test.OrderPaid", Kind: mediator.KindRequest, ContentType: "application/json", Body: []byte("{}")},
	} {
		require.NoError(t, store.Put(t.Context(), l))
	}
	before := letters(t, store)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, "0 redriven, 0 failed, 7 skipped, the first: mediator: dispatch nobody: no handler for a message of this name", report.String())
	require.Equal(t, report.Outcomes[0].Err, report.WhySkipped)
	for i, text := range []string{"no handler", "no subscriber has this group", "names no group", `no codec for the content type "application/x"`, "unexpected end of JSON", "see Streams", "the letter is of a request"} {
		require.ErrorContains(t, report.Outcomes[i].Err, text)
		require.Equal(t, deadletter.Skipped, report.Outcomes[i].Status)
	}
	require.ErrorIs(t, report.Outcomes[0].Err, mediator.ErrNoHandler)
	require.ErrorIs(t, report.Outcomes[3].Err, deadletter.ErrContentType)
	require.Equal(t, before, letters(t, store), "they stay as they were")
	require.Zero(t, stock.count(), "what was a request is not published")
}

func TestWhatIsSkippedTakesNoOthersTurn(t *testing.T) {
	store, h := deadletter.NewMemory(), new(switched)
	m := newMediator(t, mediator.Subscribe(h.paid, mediator.Group("stock")))
	for _, id := range []string{"1", "2"} {
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: id, Kind: mediator.KindNotification, Name: "gone", Group: "stock"}))
	}
	for n := range 3 {
		require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: "3" + string(rune('a'+n)), Kind: mediator.KindNotification,
			Name: "deadletter_test.OrderPaid", Group: "stock", Body: []byte("{}"), ContentType: "application/json"}))
	}
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.AtMost(2))
	require.NoError(t, err)
	require.Contains(t, report.String(), "2 redriven, 0 failed, 2 skipped")
	require.Len(t, letters(t, store), 3)
	h.set(errDeclined)
	putPaid(t, store, 1)
	report, err = deadletter.Redrive(t.Context(), m, store, deadletter.AtMost(1))
	require.NoError(t, err)
	require.Contains(t, report.String(), "0 redriven, 1 failed, ", "a failure is a turn")
}

func TestStreamsAreRedrivenByTheirConsumer(t *testing.T) {
	store := deadletter.NewMemory()
	failing := true
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.HandleStream(func(ctx context.Context, q Rates) iter.Seq2[int, error] {
		if failing {
			return rates(errDeclined)(ctx, q)
		}
		return rates(nil)(ctx, q)
	}))
	var items []int
	consume := func(ctx context.Context, q Rates) (err error) {
		for item, e := range mediator.Stream(ctx, m, q) {
			if e != nil {
				return e
			}
			items = append(items, item)
		}
		return nil
	}
	redrive := deadletter.Streams(func(ctx context.Context, l deadletter.Letter, decode func(any) error) error {
		var q Rates
		if err := decode(&q); err != nil {
			return err
		}
		return consume(ctx, q)
	})
	require.Error(t, consume(t.Context(), Rates{Currency: "EUR"}))
	report, err := deadletter.Redrive(t.Context(), m, store, redrive)
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed)
	require.Equal(t, 2, theLetter(t, store).Attempts)
	failing, items = false, nil
	report, err = deadletter.Redrive(t.Context(), m, store, redrive)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Equal(t, []int{1, 2}, items)
	require.Empty(t, letters(t, store))
}

// Fact is what a subscriber to an interface is told.
type Fact interface{ About() string }

func (OrderPaid) About() string { return "orders" }

// A type that only interfaces are subscribed to is not known by name: no program
// can make one of it after a restart. What is subscribed to the type itself makes
// it known.
func TestTheLetterOfASubscriberToAnInterfaceNeedsTheTypeToBeKnown(t *testing.T) {
	store := deadletter.NewMemory()
	h, ledger := &switched{err: errDeclined}, &switched{}
	facts := mediator.Subscribe(func(_ context.Context, f Fact) error { return h.paid(t.Context(), f.(OrderPaid)) }, mediator.Group("audit"))
	keep := mediator.Use(deadletter.Behavior(store))
	require.ErrorIs(t, mediator.Publish(t.Context(), newMediator(t, keep, facts), OrderPaid{Receipt: 7}), errDeclined)
	before := theLetter(t, store)
	require.Equal(t, "audit", before.Group)
	h.set(nil)

	report, err := deadletter.Redrive(t.Context(), newMediator(t, keep, facts), store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Skipped)
	require.ErrorIs(t, report.Outcomes[0].Err, mediator.ErrNoHandler)
	require.Equal(t, before, theLetter(t, store), "it stays as it was")

	known := mediator.Subscribe(ledger.paid, mediator.Group("ledger"))
	report, err = deadletter.Redrive(t.Context(), newMediator(t, keep, facts, known), store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Equal(t, 2, h.count())
	require.Zero(t, ledger.count(), "the other group gets nothing")
	require.Empty(t, letters(t, store))
}

// Place is a request whose handler sends Charge.
type Place struct{ mediator.Command }

func TestANestedRequestLeavesALetterEach(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	var m *mediator.Mediator
	m = newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge),
		mediator.HandleCommand(func(ctx context.Context, _ Place) error { _, err := mediator.Send(ctx, m, Charge{}); return err }))
	require.ErrorIs(t, mediator.Exec(t.Context(), m, Place{}), errDeclined)
	require.Len(t, letters(t, store), 2)
	h.set(nil)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 2, report.Redriven)
	require.Equal(t, 3, h.count(), "it failed once, and is charged twice")
}
