package behaviors_test

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// quietStandard is Standard without a log.
func quietStandard(c behaviors.StandardConfig) mediator.SharedOption {
	c.Logger = slog.New(slog.DiscardHandler)
	return mediator.Use(behaviors.Standard(c)...)
}

// sendsAsk is a handler of nested.
func sendsAsk(m **mediator.Mediator) mediator.Option {
	return mediator.HandleCommand(func(ctx context.Context, _ nested) error {
		_, err := mediator.Send(ctx, *m, ask{})
		return err
	})
}

func TestStandardsTimeoutDoesNotCutStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		m := newMediator(t, quietStandard(behaviors.StandardConfig{Timeout: 2 * time.Second}),
			paced(60, 0), askFor(hang), mediator.Subscribe(func(ctx context.Context, _ told) error { return hang(ctx) }))
		items := 0
		for _, err := range mediator.Stream(t.Context(), m, upTo{}) {
			require.NoError(t, err)
			items++
		}
		require.Equal(t, 60, items)
		begun := time.Now()
		_, err := mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, mediator.Publish(t.Context(), m, told{}), context.DeadlineExceeded)
		require.Equal(t, 4*time.Second, time.Since(begun))
	})
}

// four of four places waited for the places of what they had sent, until their deadlines
func TestStandardsBulkheadLetsNoRequestWaitForItself(t *testing.T) {
	for _, c := range []behaviors.BulkheadConfig{{Limit: 1}, {Limit: 4, Queue: 100}} {
		synctest.Test(t, func(t *testing.T) {
			var m *mediator.Mediator
			m = newMediator(t, quietStandard(behaviors.StandardConfig{Bulkhead: &c}), sendsAsk(&m),
				askFor(func(context.Context) error { time.Sleep(time.Second); return nil }))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			errs := make([]error, c.Limit)
			var wg sync.WaitGroup
			begun := time.Now()
			for i := range errs {
				wg.Go(func() { errs[i] = mediator.Exec(ctx, m, nested{}) })
			}
			wg.Wait()
			for _, err := range errs {
				require.NoError(t, err)
			}
			require.Equal(t, time.Second, time.Since(begun))
			require.False(t, c.PerHandler, "the caller's config is as it was")
		})
	}
}

func TestStandardsBulkheadKeepsStreamsFromTheRequestsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := newMediator(t, quietStandard(behaviors.StandardConfig{Bulkhead: &behaviors.BulkheadConfig{Limit: 3}}),
			askFor(func(context.Context) error { return nil }),
			mediator.HandleStream(func(ctx context.Context, _ upTo) iter.Seq2[int, error] {
				return func(func(int, error) bool) { <-ctx.Done() }
			}, mediator.Named("numbers")))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { _ = drain(mediator.Stream(ctx, m, upTo{})) })
		}
		synctest.Wait()
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		err = drain(mediator.Stream(t.Context(), m, upTo{}))
		require.ErrorIs(t, err, behaviors.ErrFull, "streams have a limit, too")
		require.ErrorContains(t, err, "bulkhead of numbers is full: 3 run, 0 wait")
		cancel()
		wg.Wait()
	})
}

// an overload made dead letters of events whose subscribers were well
func TestStandardsLimitsDoNotStandAroundSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, handled := deadletter.NewMemory(), make(chan int, 100)
		m := newMediator(t, quietStandard(behaviors.StandardConfig{DeadLetters: deadletter.Behavior(store),
			Limiter: behaviors.NewLimiter(0.001, 1), Bulkhead: &behaviors.BulkheadConfig{Limit: 1}}),
			askFor(func(context.Context) error { return nil }),
			mediator.Subscribe(func(_ context.Context, n told) error { time.Sleep(time.Second); handled <- n.N; return nil }))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		_, err = mediator.Send(t.Context(), m, ask{})
		require.ErrorIs(t, err, behaviors.ErrLimited)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := mediator.Publish(t.Context(), m, told{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Len(t, handled, 5)
		for l := range deadletter.All(t.Context(), store, deadletter.Filter{}) {
			require.Fail(t, "a letter", l.Errors)
		}
	})
}

func TestStandardsLimiterCountsNestedRequestsAndStreamsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		m = newMediator(t, quietStandard(behaviors.StandardConfig{Limiter: behaviors.NewLimiter(0.001, 4)}), sendsAsk(&m),
			askFor(func(context.Context) error { return nil }), paced(0, 100))
		require.NoError(t, mediator.Exec(t.Context(), m, nested{}))
		require.NoError(t, drain(mediator.Stream(t.Context(), m, upTo{})))
		require.ErrorIs(t, mediator.Exec(t.Context(), m, nested{}), behaviors.ErrLimited, "it has the last place, and what it sends has none")
	})
}

func TestStandardTakesALogConfig(t *testing.T) {
	lines := func(c behaviors.LogConfig) int {
		var l logged
		m := newMediator(t, mediator.Use(behaviors.Standard(behaviors.StandardConfig{Logger: l.logger(slog.LevelInfo), Log: c})...),
			askFor(func(context.Context) error { return nil }), mediator.HandleStream(numbers))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.NoError(t, drain(mediator.Stream(t.Context(), m, upTo{N: 10})))
		return len(l.lines(t))
	}
	require.Equal(t, 2, lines(behaviors.LogConfig{}))
	require.Equal(t, 2+5, lines(behaviors.LogConfig{ProgressItems: 2}))
	require.Zero(t, lines(behaviors.LogConfig{Level: func(behaviors.Ending) slog.Level { return slog.LevelDebug }}))
}

func TestWhatStandardPutsAroundSomeKindsSaysSo(t *testing.T) {
	around := map[string][]bool{}
	for _, b := range behaviors.Standard(behaviors.StandardConfig{DeadLetters: placeholder("DeadLetters"), Limiter: unlimited{},
		Bulkhead: &behaviors.BulkheadConfig{}, Timeout: time.Second, Breaker: &behaviors.BreakerConfig{}}) {
		if s, ok := b.(interface{ StandsAround(k mediator.Kind) bool }); ok {
			around[nameOf(b)] = []bool{s.StandsAround(mediator.KindRequest), s.StandsAround(mediator.KindNotification), s.StandsAround(mediator.KindStream)}
			if nameOf(b) != "DeadLetters" {
				require.True(t, b.(mediator.CallScoper).ScopedCall(), nameOf(b))
			}
		}
	}
	require.Equal(t, map[string][]bool{
		"DeadLetters": {false, true, false},
		"RateLimit":   {true, false, true},
		"Bulkhead":    {true, false, true},
		"Timeout":     {true, true, false},
	}, around)
}
