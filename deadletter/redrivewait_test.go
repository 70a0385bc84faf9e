package deadletter_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// putPaid stores n letters of events for the group stock.
func putPaid(t *testing.T, s deadletter.Store, n int) {
	t.Helper()
	for range n {
		require.NoError(t, s.Put(t.Context(), deadletter.Letter{ID: deadletter.NewID(), Kind: mediator.KindNotification,
			Name: "deadletter_test.OrderPaid", Group: "stock", Attempts: 1, Body: []byte("{}"), ContentType: "application/json"}))
	}
}

// of a hundred letters, all but the first had failed, with an attempt more each
func TestRedriveWaitsForARateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := deadletter.NewMemory(), new(switched)
		m := newMediator(t, mediator.Use(deadletter.Behavior(store), behaviors.RateLimit(behaviors.NewLimiter(10, 1))),
			mediator.Subscribe(h.paid, mediator.Group("stock")))
		putPaid(t, store, 100)
		begun := time.Now()
		report, err := deadletter.Redrive(t.Context(), m, store)
		require.NoError(t, err)
		require.Equal(t, "100 redriven, 0 failed, 0 skipped", report.String())
		require.Equal(t, 100, h.count())
		require.InDelta(t, 9.9, time.Since(begun).Seconds(), 0.2)
	})
}

// roomAgain is a limiter that has room again as soon as it has refused.
type roomAgain struct{ calls int }

func (l *roomAgain) Allow() bool              { l.calls++; return l.calls%2 == 0 }
func (*roomAgain) Wait(context.Context) error { return nil }
func (*roomAgain) RetryAfter() time.Duration  { return 0 }

func TestRedriveComesBackToALimitThatHasRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := deadletter.NewMemory(), new(switched)
		m := newMediator(t, mediator.Use(deadletter.Behavior(store), behaviors.RateLimit(&roomAgain{})),
			mediator.Subscribe(h.paid, mediator.Group("stock")))
		putPaid(t, store, 10)
		report, err := deadletter.Redrive(t.Context(), m, store)
		require.NoError(t, err)
		require.Equal(t, "10 redriven, 0 failed, 0 skipped", report.String())
	})
}

// A wait of nothing would try the letter without a pause, for as long as MaxWait is.
func TestARedriveWaitsAMillisecondAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := deadletter.NewMemory()
		tries := 0
		m := newMediator(t, mediator.Subscribe(new(switched).paid, mediator.Group("stock"), mediator.Use(
			mediator.Around(func(context.Context, mediator.Call, mediator.Next) error { tries++; return soon{} }))))
		putPaid(t, store, 1)
		begun := time.Now()
		report, err := deadletter.Redrive(t.Context(), m, store, deadletter.MaxWait(20*time.Millisecond))
		require.NoError(t, err)
		require.Equal(t, 1, report.Skipped)
		require.Equal(t, 21, tries)
		require.Equal(t, 20*time.Millisecond, time.Since(begun))
	})
}

// soon is an error that says to come back at once.
type soon struct{}

func (soon) Error() string             { return "soon" }
func (soon) RetryAfter() time.Duration { return 1 }

func TestALetterThatIsRefusedStaysAsItWas(t *testing.T) {
	isolated := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
	isolated.Isolate()
	for name, tc := range map[string]struct {
		around []mediator.Behavior
		opts   []deadletter.RedriveOption
		want   error
		waits  time.Duration
	}{
		"who knows when":    {around: []mediator.Behavior{isolated}, want: behaviors.ErrOpen},
		"later than it has": {around: []mediator.Behavior{empty(40 * time.Second)}, want: behaviors.ErrLimited},
		"not to wait":       {around: []mediator.Behavior{empty(time.Second)}, opts: []deadletter.RedriveOption{deadletter.MaxWait(0)}, want: behaviors.ErrLimited},
		"again and again":   {around: []mediator.Behavior{busy{}}, want: behaviors.ErrLimited, waits: 24 * time.Second},
		"within a Retry": {around: []mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{Retries: 2, Delay: time.Second, Backoff: behaviors.Fixed, MaxDelay: time.Second}),
			full{}}, want: behaviors.ErrFull, waits: 2 * time.Second},
		"by another's guard": {around: []mediator.Behavior{mediator.Around(func(context.Context, mediator.Call, mediator.Next) error { return refused{} })}, want: refused{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, h := deadletter.NewMemory(), new(switched)
				m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Use(tc.around...),
					mediator.Subscribe(h.paid, mediator.Group("stock")))
				putPaid(t, store, 1)
				before, begun := theLetter(t, store), time.Now()
				report, err := deadletter.Redrive(t.Context(), m, store, tc.opts...)
				require.NoError(t, err)
				require.Contains(t, report.String(), "0 redriven, 0 failed, 1 skipped: ")
				require.ErrorIs(t, report.Outcomes[0].Err, tc.want)
				require.Equal(t, before, theLetter(t, store))
				require.Zero(t, h.count())
				require.Equal(t, tc.waits, time.Since(begun))
			})
		})
	}
}

// empty is a rate limit that lets nothing through for d.
func empty(d time.Duration) mediator.Behavior {
	l := behaviors.NewLimiter(1/d.Seconds(), 1)
	l.Allow()
	return behaviors.RateLimit(l)
}

// busy is a rate limit whose places others take.
type busy struct{}

func (busy) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error { return empty(8*time.Second).Wrap(next)(ctx, c) }
}

// full is a bulkhead whose place another has.
type full struct{}

func (full) Wrap(next mediator.Next) mediator.Next {
	b := behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 1})
	inner := b.Wrap(next)
	return b.Wrap(func(ctx context.Context, c mediator.Call) error { return inner(ctx, c) })
}

func TestARedriveThatWaitsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, errEnough := deadletter.NewMemory(), errors.New("enough")
		m := newMediator(t, mediator.Use(deadletter.Behavior(store), empty(10*time.Second)),
			mediator.Subscribe(new(switched).paid, mediator.Group("stock")))
		putPaid(t, store, 1)
		before, begun := theLetter(t, store), time.Now()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errEnough) })
		report, err := deadletter.Redrive(ctx, m, store)
		require.ErrorIs(t, err, errEnough)
		require.Equal(t, "0 redriven, 0 failed, 0 skipped", report.String())
		require.Equal(t, time.Second, time.Since(begun))

		short, cancelShort := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancelShort()
		report, err = deadletter.Redrive(short, m, store)
		require.NoError(t, err)
		require.Contains(t, report.String(), "0 redriven, 0 failed, 1 skipped: ", "there is no use in waiting")
		require.Equal(t, time.Second, time.Since(begun))
		require.Equal(t, before, theLetter(t, store))
	})
}

func TestALetterThatIsDeletedWhileItIsWaitedForIsNotHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := deadletter.NewMemory(), new(switched)
		m := newMediator(t, mediator.Use(deadletter.Behavior(store), empty(10*time.Second)),
			mediator.Subscribe(h.paid, mediator.Group("stock")))
		putPaid(t, store, 1)
		id := theLetter(t, store).ID
		time.AfterFunc(time.Second, func() { require.NoError(t, store.Delete(t.Context(), id)) })
		report, err := deadletter.Redrive(t.Context(), m, store)
		require.NoError(t, err)
		require.Equal(t, "0 redriven, 0 failed, 0 skipped", report.String())
		require.Zero(t, h.count())
		require.Empty(t, letters(t, store))
	})
}

func TestARedriveThatWaitsEndsWhenTheMediatorBeginsToClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ended := deadletter.NewMemory(), make(chan error, 1)
		m := newMediator(t, mediator.Use(deadletter.Behavior(store), empty(10*time.Second)),
			mediator.Subscribe(new(switched).paid, mediator.Group("stock")),
			mediator.OnClose(func(context.Context) error {
				require.ErrorIs(t, <-ended, mediator.ErrClosed)
				return nil
			}))
		putPaid(t, store, 2)
		before, begun := letters(t, store), time.Now()
		go func() {
			_, err := deadletter.Redrive(t.Context(), m, store)
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, m.Close(t.Context()))
		require.Zero(t, time.Since(begun))
		require.Equal(t, before, letters(t, store))
	})
}

// What the handler's own calls are refused is a failure of a handler that ran.
func TestARefusalOfWhatTheHandlerSendsIsAnAttempt(t *testing.T) {
	store := deadletter.NewMemory()
	limited := behaviors.RateLimit(behaviors.NewLimiter(0.05, 1))
	h := &switched{err: errDeclined}
	var m *mediator.Mediator
	m = newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle(h.charge, mediator.Use(limited)),
		mediator.HandleCommand(func(ctx context.Context, _ Place) error { _, err := mediator.Send(ctx, m, Charge{}); return err }))
	require.ErrorIs(t, mediator.Exec(t.Context(), m, Place{}), errDeclined)
	report, err := deadletter.Redrive(t.Context(), m, store, deadletter.Filter{Name: "deadletter_test.Place"})
	require.NoError(t, err)
	require.Equal(t, "0 redriven, 1 failed, 0 skipped", report.String())
	require.ErrorIs(t, report.Outcomes[0].Err, behaviors.ErrLimited)
	require.Equal(t, 2, report.Outcomes[0].Letter.Attempts)
}

// A handler that sends its own message was run, though what it sends is refused.
func TestARefusalOfWhatTheHandlerSendsToItselfIsAnAttempt(t *testing.T) {
	store := deadletter.NewMemory()
	var m *mediator.Mediator
	m = newMediator(t, mediator.Use(behaviors.Standard(behaviors.StandardConfig{Bulkhead: &behaviors.BulkheadConfig{Limit: 1}})...),
		mediator.Handle(func(ctx context.Context, c Charge) (Receipt, error) {
			return mediator.Send(ctx, m, Charge{Cents: c.Cents - 1})
		},
			mediator.Use(deadletter.Behavior(store))))
	require.NoError(t, store.Put(t.Context(), deadletter.Letter{ID: "1", Kind: mediator.KindRequest, Name: "deadletter_test.Charge",
		Attempts: 1, Body: []byte(`{"Cents":2}`), ContentType: "application/json"}))
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.ErrorIs(t, report.Outcomes[0].Err, behaviors.ErrFull)
	require.Equal(t, "0 redriven, 1 failed, 0 skipped", report.String())
	require.Equal(t, 2, theLetter(t, store).Attempts)
}

// Of three attempts, the last met the breaker that the first two had opened.
func TestAttemptsThatWereRefusedAreNotCounted(t *testing.T) {
	store, h := deadletter.NewMemory(), &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(deadletter.Behavior(store), behaviors.Retry(behaviors.RetryConfig{Retries: 5, Delay: 1}),
		behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 2, Break: time.Hour})),
		mediator.Subscribe(h.paid, mediator.Group("stock")))
	putPaid(t, store, 1)
	report, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Equal(t, "0 redriven, 1 failed, 0 skipped", report.String())
	require.Equal(t, 2, h.count())
	require.Equal(t, 1+2, theLetter(t, store).Attempts)
}
