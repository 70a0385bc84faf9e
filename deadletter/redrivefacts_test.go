package deadletter_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// What a handler sends while its letter is redriven is lost if it is taken for the
// letter, however equal the two are.
func TestAnEqualMessageThatARedrivenHandlerSendsHasALetterOfItsOwn(t *testing.T) {
	for name, how := range map[string][]mediator.PublishOption{
		"inside":            nil,
		"in the background": {mediator.Background()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := deadletter.NewMemory()
				var m *mediator.Mediator
				run := 0
				m = newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.OnError(func(context.Context, error) {}),
					mediator.Subscribe(func(ctx context.Context, n OrderPaid) error {
						if run++; run == 2 {
							_ = mediator.Publish(ctx, m, n, how...)
							synctest.Wait() // for the other to have failed
							return nil
						}
						return errDeclined
					}, mediator.Group("stock")))
				require.Error(t, mediator.Publish(t.Context(), m, OrderPaid{Receipt: 7}))
				first := theLetter(t, store)
				report, err := deadletter.Redrive(t.Context(), m, store)
				require.NoError(t, err)
				require.Equal(t, "1 redriven, 0 failed, 0 skipped", report.String())
				require.Equal(t, 3, run)
				again := theLetter(t, store)
				require.NotEqual(t, first.ID, again.ID)
				require.Equal(t, first.Body, again.Body)
				require.Zero(t, again.Redrives)
			})
		})
	}
}

func TestAnEqualStreamThatARedrivenHandlerRunsHasALetterOfItsOwn(t *testing.T) {
	store := deadletter.NewMemory()
	var m *mediator.Mediator
	run := 0
	consume := func(ctx context.Context, q Rates) (err error) {
		for _, err = range mediator.Stream(ctx, m, q) {
		}
		return err
	}
	m = newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.HandleStream(func(ctx context.Context, q Rates) iter.Seq2[int, error] {
		if run++; run != 2 {
			return rates(errDeclined)(ctx, q)
		}
		_ = consume(ctx, q)
		return rates(nil)(ctx, q)
	}))
	require.Error(t, consume(t.Context(), Rates{}))
	first := theLetter(t, store)
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Streams(func(ctx context.Context, _ deadletter.Letter, decode func(any) error) error {
		var q Rates
		return errors.Join(decode(&q), consume(ctx, q))
	}))
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.NotEqual(t, first.ID, theLetter(t, store).ID)
}

func TestARefusalOfWhatATypedLayerChangedIsNoAttempt(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	closed := false
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge,
		mediator.Typed(func(ctx context.Context, c Charge, next func(context.Context, Charge) (Receipt, error)) (Receipt, error) {
			c.Cents *= 2
			return next(ctx, c)
		}),
		mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			if closed {
				return behaviors.ErrLimited
			}
			return next(ctx, c)
		}))))
	fail(t, m, 1)
	before := theLetter(t, store)
	closed = true
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Skipped)
	require.Equal(t, before, theLetter(t, store))
}

// Some behaviors hand on a context of their own, with none of the caller's values.
func TestARedriveFindsItsCallWithoutTheContext(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	detach := mediator.Around(func(_ context.Context, c mediator.Call, next mediator.Next) error {
		return next(context.Background(), c)
	})
	m := newMediator(t, mediator.Use(detach, deadletter.Behavior(store), detach), mediator.Subscribe(h.paid, mediator.Group("stock")))
	require.Error(t, mediator.Publish(t.Context(), m, OrderPaid{}))
	first := theLetter(t, store)
	for n := range 3 {
		report, err := deadletter.Redrive(t.Context(), m, store)
		require.NoError(t, err)
		require.Equal(t, 1, report.Failed)
		require.Equal(t, first.ID, theLetter(t, store).ID, "no second letter")
		require.Equal(t, n+2, theLetter(t, store).Attempts)
	}
	h.set(nil)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Empty(t, letters(t, store))
}

// tries is a retry of somebody's own. What it returns after so many attempts is made
// of their errors.
func tries(times int, result func(errs []error) error) mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		var errs []error
		for range times {
			err := next(ctx, c)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return result(errs)
	})
}

// A letter whose handler ran and failed has failed, whatever else refused it in the
// same call. It was waited for and run again, and reported as skipped.
func TestAHandlerThatRanHasFailedWhateverWasRefusedBesides(t *testing.T) {
	limit := func() mediator.Behavior { return behaviors.RateLimit(behaviors.NewLimiter(1, 1)) }
	hedge := func() mediator.Behavior {
		return behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Millisecond, Budget: behaviors.NoBudget()})
	}
	last := func(errs []error) error { return errs[len(errs)-1] }
	for name, around := range map[string]func() []mediator.Behavior{
		"a hedge around a rate limit": func() []mediator.Behavior { return []mediator.Behavior{hedge(), limit()} },
		"a hedge around a bulkhead": func() []mediator.Behavior {
			return []mediator.Behavior{hedge(), behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1})}
		},
		"a retry that joins": func() []mediator.Behavior {
			return []mediator.Behavior{tries(2, func(errs []error) error { return errors.Join(errs...) }), limit()}
		},
		"a retry that gives its last":      func() []mediator.Behavior { return []mediator.Behavior{tries(2, last), limit()} },
		"a retry of which one is refused":  func() []mediator.Behavior { return []mediator.Behavior{tries(3, last), limit()} },
		"a guard that refused its request": func() []mediator.Behavior { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := deadletter.NewMemory()
				runs := 0
				var m *mediator.Mediator
				m = newMediator(t, mediator.Handle(func(ctx context.Context, _ Charge) (Receipt, error) {
					runs++
					time.Sleep(2 * time.Millisecond)
					return Receipt{}, mediator.Exec(ctx, m, Place{})
				}, mediator.Use(deadletter.Behavior(store)), mediator.Use(around()...)),
					mediator.HandleCommand(func(context.Context, Place) error { return errDeclined }, mediator.Use(turnedAway{})))
				fail(t, m, 1)
				require.Equal(t, 1, theLetter(t, store).Attempts)
				time.Sleep(time.Hour)
				report, err := deadletter.Redrive(t.Context(), m, store)
				require.NoError(t, err)
				require.Equal(t, "0 redriven, 1 failed, 0 skipped", report.String())
				require.Equal(t, 2, runs)
				require.Equal(t, 2, theLetter(t, store).Attempts)
				require.Equal(t, 1, theLetter(t, store).Redrives)
			})
		})
	}
}

// turnedAway is a guard of somebody's own, whose error says all that one may.
type turnedAway struct{}

func (turnedAway) Wrap(mediator.Next) mediator.Next {
	return func(context.Context, mediator.Call) error { return turnedAway{} }
}
func (turnedAway) Error() string             { return "turned away" }
func (turnedAway) Unwrap() error             { return behaviors.ErrOpen }
func (turnedAway) Attempts() int             { return 0 }
func (turnedAway) RetryAfter() time.Duration { return 10 * time.Millisecond }

func TestWhatIsRefusedOutsideOfItsLettersKeepsItsCause(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	errNobody := errors.New("no principal in the context")
	var guard error
	m := newMediator(t, mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		if guard != nil {
			return guard
		}
		return next(ctx, c)
	}), deadletter.Behavior(store)), mediator.Subscribe(h.paid, mediator.Group("stock")))
	require.Error(t, mediator.Publish(t.Context(), m, OrderPaid{}))
	before := theLetter(t, store)
	guard = errNobody
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Skipped)
	require.ErrorIs(t, report.Outcomes[0].Err, errNobody)
	require.Equal(t, before, theLetter(t, store))
	require.Equal(t, 1, h.count())
}

// between the look for the subscriber and its call
func TestASubscriberThatStopsMeanwhileIsSkipped(t *testing.T) {
	for name, around := range map[string][]mediator.Behavior{"alone": nil, "with a behavior": {mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error { return next(ctx, c) })}} {
		t.Run(name, func(t *testing.T) {
			store, h := deadletter.NewMemory(), new(switched)
			m := newMediator(t, mediator.Use(deadletter.Behavior(store)))
			stop, err := mediator.Listen(m, h.paid, mediator.Group("stock"), mediator.Use(around...))
			require.NoError(t, err)
			putPaid(t, store, 1)
			before := theLetter(t, store)
			report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Codecs(stopping{deadletter.JSON(), stop}))
			require.NoError(t, err)
			require.Equal(t, 1, report.Skipped)
			require.ErrorIs(t, report.Outcomes[0].Err, mediator.ErrUnsubscribed)
			require.Equal(t, before, theLetter(t, store))
			require.Zero(t, h.count())
		})
	}
}

type stopping struct {
	deadletter.Codec
	stop func()
}

func (s stopping) Decode(data []byte, v any) error {
	s.stop()
	return s.Codec.Decode(data, v)
}

func TestAttemptsAreTheRunsOfTheLettersOwnHandler(t *testing.T) {
	retry := func(n int) mediator.Behavior {
		return behaviors.Retry(behaviors.RetryConfig{Retries: n, Delay: time.Millisecond, Budget: behaviors.NoBudget()})
	}
	for name, tc := range map[string]struct {
		around []mediator.Behavior
		inner  mediator.Behavior
		want   int
	}{
		"of one whose request is retried": {inner: retry(3), want: 1},
		"of one that is retried":          {around: []mediator.Behavior{retry(2)}, inner: behaviors.Recover(), want: 3},
		"by a retry that nobody knows":    {around: []mediator.Behavior{tries(2, func(errs []error) error { return errs[0] })}, inner: behaviors.Recover(), want: 2},
		"of one that was refused":         {around: []mediator.Behavior{turnedAway{}}, inner: behaviors.Recover(), want: 0},
		"of one that was hedged": {around: []mediator.Behavior{behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Millisecond, Budget: behaviors.NoBudget()})},
			inner: mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				time.Sleep(2 * time.Millisecond)
				return next(ctx, c)
			}), want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := deadletter.NewMemory()
				var m *mediator.Mediator
				m = newMediator(t, mediator.Handle(func(ctx context.Context, _ Charge) (Receipt, error) {
					return Receipt{}, mediator.Exec(ctx, m, Place{})
				}, mediator.Use(deadletter.Behavior(store)), mediator.Use(tc.around...)),
					mediator.HandleCommand(func(context.Context, Place) error { return errDeclined }, mediator.Use(tc.inner)))
				fail(t, m, 1)
				require.Equal(t, tc.want, theLetter(t, store).Attempts)
			})
		})
	}
}

func TestALetterWhoseStreamWasNotRunHasFailed(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.HandleStream(rates(nil)))
	require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: "1", Name: "deadletter_test.Rates", Kind: mediator.KindStream, Attempts: 1, ContentType: "application/json", Body: []byte("{}")}))
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Streams(func(_ context.Context, _ deadletter.Letter, decode func(any) error) error {
		return errors.Join(decode(new(Rates)), errOffline) // where the items are to go
	}))
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed)
	require.Equal(t, 1, theLetter(t, store).Attempts)
}

// Where the Behavior is not around this call, what the caller gets tells.
func TestAHandlerThatRanWithoutItsBehaviorIsDone(t *testing.T) {
	store, h := deadletter.NewMemory(), new(switched)
	m := newMediator(t, mediator.Subscribe(h.paid, mediator.Group("stock"),
		mediator.Use(behaviors.When(func(mediator.Call) bool { return false }, deadletter.Behavior(store)))))
	putPaid(t, store, 1)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Equal(t, 1, h.count())
	require.Empty(t, letters(t, store))
}
