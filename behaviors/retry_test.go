package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

var errFlaky = errors.New("down")

// failing is a handler that fails the first n times.
func failing(n int, calls *int) mediator.Option {
	return mediator.Handle(func(_ context.Context, q ask) (int, error) {
		*calls++
		if *calls <= n {
			return 0, fmt.Errorf("%w %d", errFlaky, *calls)
		}
		return q.N, nil
	})
}

func always(err error, calls *int) mediator.Option {
	return mediator.Handle(func(context.Context, ask) (int, error) {
		*calls++
		return 0, err
	})
}

func TestRetryRepeatsUntilSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})), failing(3, &calls))
		n, err := mediator.Send(t.Context(), m, ask{N: 7})
		require.NoError(t, err)
		require.Equal(t, 7, n)
		require.Equal(t, 4, calls)
	})
}

func TestRetryRepeatsEachKindOfMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notified := map[string]int{}
		hear := func(group string, failures int) mediator.Option {
			return mediator.Subscribe(func(context.Context, told) error {
				notified[group]++
				if notified[group] <= failures {
					return errFlaky
				}
				return nil
			}, mediator.Group(group))
		}
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})), hear("a", 2), hear("b", 0))
		require.NoError(t, mediator.Publish(t.Context(), m, told{}))
		require.Equal(t, map[string]int{"a": 3, "b": 1}, notified)
	})
}

func TestRetryGivesUpWithTheLastErrorAndTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 5})), failing(100, &calls))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, errFlaky)
		var gaveUp *behaviors.RetryError
		require.ErrorAs(t, err, &gaveUp)
		require.Equal(t, 6, gaveUp.Attempts())
		require.Equal(t, 6, calls)
		require.EqualError(t, err, "after 6 attempts: down 6")
		require.NoError(t, gaveUp.Stopped)
		require.Len(t, gaveUp.Earlier, 5)
		require.EqualError(t, gaveUp.Earlier[0], "down 1")
	})
}

func TestRetryPassesWhatItDoesNotRetry(t *testing.T) {
	own := errors.New("own")
	for name, tc := range map[string]struct {
		err error
		c   behaviors.RetryConfig
	}{
		"retry-if":      {own, behaviors.RetryConfig{RetryIf: behaviors.ErrorIs(errFlaky)}},
		"invalid":       {&behaviors.InvalidError{Err: own}, behaviors.RetryConfig{}},
		"panic":         {&mediator.PanicError{Value: 1}, behaviors.RetryConfig{}},
		"retried":       {&behaviors.RetryError{Tries: 3, Err: own}, behaviors.RetryConfig{}},
		"business":      {soldOut{}, behaviors.RetryConfig{}},
		"no handler":    {fmt.Errorf("x: %w", mediator.ErrNoHandler), behaviors.RetryConfig{}},
		"mediator over": {mediator.ErrClosed, behaviors.RetryConfig{}},
	} {
		t.Run(name, func(t *testing.T) {
			var calls int
			m := newMediator(t, mediator.Use(behaviors.Retry(tc.c)), always(tc.err, &calls))
			_, err := mediator.Send(t.Context(), m, ask{})
			require.Equal(t, tc.err, err, "the error passes as it is")
			require.Equal(t, 1, calls)
		})
	}
}

type soldOut struct{}

func (soldOut) Error() string  { return "sold out" }
func (soldOut) Business() bool { return true }

func TestRetryStopsAtAnErrorThatIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 5})),
			mediator.Handle(func(context.Context, ask) (int, error) {
				calls++
				if calls == 2 {
					return 0, behaviors.ErrInvalid
				}
				return 0, errFlaky
			}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, behaviors.ErrInvalid)
		require.NotErrorIs(t, err, errFlaky, "an earlier error is not what is wrong still")
		require.Equal(t, 2, calls)
	})
}

func TestRetryTellsTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen, inside []int
		look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			inside = append(inside, behaviors.Attempt(ctx))
			return next(ctx, c)
		})
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{}), look),
			mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
				seen = append(seen, behaviors.Attempt(ctx))
				return 0, errFlaky
			}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.Error(t, err)
		require.Equal(t, []int{1, 2, 3, 4}, seen)
		require.Equal(t, seen, inside)
		require.Equal(t, 1, behaviors.Attempt(t.Context()))
	})
}

func TestOnRetryFiresOnlyWhenARetryFollows(t *testing.T) {
	t.Run("once for each retry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var calls int
			var events []behaviors.RetryEvent
			m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 2, Delay: time.Second, Backoff: behaviors.Exponential,
				OnRetry: func(ctx context.Context, e behaviors.RetryEvent) {
					require.Equal(t, calls+1, e.Attempt)
					require.Equal(t, e.Attempt, behaviors.Attempt(ctx))
					events = append(events, e)
				}})), failing(100, &calls))
			_, err := mediator.Send(t.Context(), m, ask{})
			require.Error(t, err)
			require.Len(t, events, 2)
			require.Equal(t, time.Second, events[0].Waited)
			require.EqualError(t, events[0].Err, "down 1")
			require.Equal(t, "behaviors_test.ask", events[0].Name)
			require.Equal(t, 2*time.Second, events[1].Waited)
		})
	})
	for name, c := range map[string]behaviors.RetryConfig{
		"not retried":     {RetryIf: func(error) bool { return false }},
		"no budget":       {Budget: behaviors.NewBudget(behaviors.BudgetConfig{Min: -1})},
		"no time":         {Delay: time.Minute, MaxDelay: time.Minute, Backoff: behaviors.Fixed, MaxTotal: time.Second},
		"cancelled while": {Delay: time.Minute, Backoff: behaviors.Fixed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.OnRetry = func(context.Context, behaviors.RetryEvent) { t.Error("no retry follows") }
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2*time.Second, cancel)
				var calls int
				m := newMediator(t, mediator.Use(behaviors.Retry(c)), failing(100, &calls))
				_, err := mediator.Send(ctx, m, ask{})
				require.ErrorIs(t, err, errFlaky)
				require.Equal(t, 1, calls)
				cancel()
			})
		})
	}
}

func TestPanicAndGoexitPassThroughRetryUnlessRecoverIsInside(t *testing.T) {
	for _, inside := range []bool{false, true} {
		var calls int
		bs := []mediator.Behavior{behaviors.Retry(behaviors.RetryConfig{RetryIf: func(error) bool { return true }, Delay: time.Nanosecond})}
		if inside {
			bs = append(bs, behaviors.Recover())
		}
		m := newMediator(t, mediator.Use(bs...), mediator.Handle(func(context.Context, ask) (int, error) { calls++; panic("bug") }))
		if inside {
			_, err := mediator.Send(t.Context(), m, ask{})
			var p *mediator.PanicError
			require.ErrorAs(t, err, &p)
			require.Equal(t, 4, calls)
		} else {
			require.PanicsWithValue(t, "bug", func() { _, _ = mediator.Send(t.Context(), m, ask{}) })
			require.Equal(t, 1, calls)
		}
	}
	m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{}), behaviors.Recover()),
		mediator.Handle(func(context.Context, ask) (int, error) { runtime.Goexit(); return 0, nil }))
	returned, done := false, make(chan struct{})
	go func() {
		defer close(done)
		_, _ = mediator.Send(t.Context(), m, ask{})
		returned = true
	}()
	<-done
	require.False(t, returned)
}

// Fault of the system reimplemented here: the last options registered won for
// everyone.
func TestFault10EachRetryHasItsOwnOptions(t *testing.T) {
	type other struct {
		mediator.Returns[int]
	}
	synctest.Test(t, func(t *testing.T) {
		var calls, others int
		m := newMediator(t,
			mediator.Handle(func(context.Context, ask) (int, error) { calls++; return 0, errFlaky },
				mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 1}))),
			mediator.Handle(func(context.Context, other) (int, error) { others++; return 0, errFlaky },
				mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 4}))))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, errFlaky)
		_, err = mediator.Send(t.Context(), m, other{})
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, []int{2, 5}, []int{calls, others})
	})
}

func TestRetryWaitsForAnOpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		m := newMediator(t, failing(1, &calls), mediator.Use(behaviors.Retry(behaviors.RetryConfig{Delay: time.Millisecond, MaxDelay: time.Minute}),
			behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: time.Minute})))
		begun := time.Now()
		n, err := mediator.Send(t.Context(), m, ask{N: 7})
		require.NoError(t, err)
		require.Equal(t, 7, n)
		require.Equal(t, 2, calls)
		require.GreaterOrEqual(t, time.Since(begun), time.Minute, "as the rejection says")
	})
}

func TestRetryRefusesNonsense(t *testing.T) {
	for want, c := range map[string]behaviors.RetryConfig{
		"behaviors: Retry: Retries is negative: -1":             {Retries: -1},
		"behaviors: Retry: Delay is negative: -1ns":             {Delay: -1},
		"behaviors: Retry: MaxDelay is negative: -1ns":          {MaxDelay: -1},
		"behaviors: Retry: MaxTotal is negative: -1ns":          {MaxTotal: -1},
		"behaviors: Retry: AttemptTimeout is negative: -1ns":    {AttemptTimeout: -1},
		"behaviors: Retry: Delay 2s is longer than MaxDelay 1s": {Delay: 2 * time.Second, MaxDelay: time.Second},
		"behaviors: Retry: unknown Backoff 77":                  {Backoff: 77},
		"behaviors: Retry: unknown Stream mode 77":              {Stream: 77},
	} {
		require.PanicsWithValue(t, want, func() { behaviors.Retry(c) })
	}
}

func TestRetryWarnsOfWhatCannotWork(t *testing.T) {
	var warnings []string
	retry := behaviors.Retry(behaviors.RetryConfig{})
	fall := behaviors.Fallback(func(context.Context, error) (int, error) { return 0, nil })
	_, err := mediator.New(mediator.OnWarning(func(w string) { warnings = append(warnings, w) }),
		mediator.Use(behaviors.When(behaviors.IsNamed("x"), retry), retry, fall),
		mediator.Handle(func(context.Context, ask) (int, error) { return 0, nil }))
	require.NoError(t, err)
	require.Len(t, warnings, 2)
	require.Contains(t, warnings[0], "Retry: there is another Retry inside")
	require.Contains(t, warnings[1], "Retry: there is a Fallback inside")
}

func TestRetryAllocatesNothingOnTheHappyPath(t *testing.T) {
	requireNoAllocs(t, behaviors.Retry(behaviors.RetryConfig{}))
	requireNoAllocs(t, behaviors.Retry(behaviors.RetryDatabase()))
}

func BenchmarkRetry(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("default", func(b *testing.B) { benchSend(b, behaviors.Retry(behaviors.RetryConfig{})) })
	b.Run("MaxTotal", func(b *testing.B) { benchSend(b, behaviors.Retry(behaviors.RetryDatabase())) })
}
