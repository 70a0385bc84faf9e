package behaviors_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// hungOnce is a handler whose first run hangs until its context ends: a lost
// connection, of a dependency that is well.
func hungOnce(runs *atomic.Int64, ended chan<- error) func(context.Context, ask) (int, error) {
	return func(ctx context.Context, q ask) (int, error) {
		if runs.Add(1) == 1 {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return 0, ctx.Err()
		}
		return q.N, nil
	}
}

// Each new caller joined it, so it never lost its last one and was never cancelled.
func TestFoundARunThatHangsIsJoinedNoLongerThanACallerHasTime(t *testing.T) {
	for name, around := range map[string][]mediator.Behavior{
		"a Timeout outside":     behaviors.Standard(behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), Timeout: 500 * time.Millisecond}),
		"the callers' deadline": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var runs, failed atomic.Int64
				ended := make(chan error, 1)
				m, err := mediator.New(mediator.OnWarning(func(string) {}), mediator.Use(around...),
					mediator.Handle(hungOnce(&runs, ended), mediator.Use(byN)))
				require.NoError(t, err)
				begun := time.Now()
				var wg sync.WaitGroup
				for range 10 * 60 { // a minute
					wg.Go(func() {
						ctx := context.Background()
						if around == nil {
							limited, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
							defer cancel()
							ctx = limited
						}
						if _, err := mediator.Send(ctx, m, ask{N: 1}); err != nil {
							require.ErrorIs(t, err, context.DeadlineExceeded)
							require.LessOrEqual(t, time.Since(begun), time.Second)
							failed.Add(1)
						}
					})
					time.Sleep(100 * time.Millisecond)
				}
				wg.Wait()
				require.LessOrEqual(t, failed.Load(), int64(6), "those that had joined when the first gave up")
				require.ErrorIs(t, <-ended, behaviors.ErrAbandoned, "the last of them has ended it")
				require.NoError(t, m.Close(t.Context()))
			})
		})
	}
}

// What takes longer than one caller has is no reason to take it from the others.
func TestWhoHasJoinedARunThatOneLeftForItsDeadlineKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		m := newMediator(t, mediator.Use(byN), mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
			return answering(time.Minute, int(runs.Add(1)), nil)(ctx)
		}))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		send := func(ctx context.Context, want int, wantErr error) {
			wg.Go(func() {
				n, err := mediator.Send(ctx, m, ask{N: 1})
				require.ErrorIs(t, err, wantErr)
				require.Equal(t, want, n)
			})
			synctest.Wait()
		}
		send(t.Context(), 1, nil)
		send(short, 0, context.DeadlineExceeded)
		send(t.Context(), 1, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		send(t.Context(), 2, nil)
		send(t.Context(), 2, nil)
		gone, leave := context.WithCancel(t.Context())
		send(gone, 0, context.Canceled)
		leave()
		synctest.Wait()
		send(t.Context(), 2, nil)
		wg.Wait()
		require.EqualValues(t, 2, runs.Load(), "a caller that goes away says nothing of the run")
	})
}

// related asks for others, as a record does that refers to records.
type related struct {
	mediator.Returns[int]
	ID    string
	Depth int
}

// alsoRelated is handled by another handler.
type alsoRelated related

// They waited for each other after all callers had left, and after Close.
func TestFoundRunsThatSendEachOthersKeyDoNotWaitForEachOther(t *testing.T) {
	byID := func(c mediator.Call) string {
		switch q := c.Message().(type) {
		case related:
			return q.ID
		case alsoRelated:
			return q.ID
		}
		return ""
	}
	ring := map[string]string{"A": "B", "B": "C", "C": "A"}
	for name, other := range map[string]func(ctx context.Context, m *mediator.Mediator, q related) (int, error){
		"one handler": func(ctx context.Context, m *mediator.Mediator, q related) (int, error) {
			return mediator.Send(ctx, m, q)
		},
		"two handlers": func(ctx context.Context, m *mediator.Mediator, q related) (int, error) {
			return mediator.Send(ctx, m, alsoRelated(q))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m *mediator.Mediator
				find := func(ctx context.Context, q related, next func(context.Context, *mediator.Mediator, related) (int, error)) (int, error) {
					time.Sleep(time.Second) // so that all have begun
					if q.Depth == 0 {
						return 1, nil
					}
					n, err := next(ctx, m, related{ID: ring[q.ID], Depth: q.Depth - 1})
					return n + 1, err
				}
				m = newMediator(t, mediator.Use(behaviors.Coalesce(byID)),
					mediator.Handle(func(ctx context.Context, q related) (int, error) { return find(ctx, q, other) }),
					mediator.Handle(func(ctx context.Context, q alsoRelated) (int, error) {
						return find(ctx, related(q), func(ctx context.Context, m *mediator.Mediator, q related) (int, error) {
							return mediator.Send(ctx, m, q)
						})
					}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var wg sync.WaitGroup
				for id := range ring {
					wg.Go(func() {
						_, err := mediator.Send(ctx, m, related{ID: id, Depth: 3})
						require.NoError(t, err)
					})
					wg.Go(func() {
						_, err := mediator.Send(ctx, m, alsoRelated{ID: id, Depth: 3})
						require.NoError(t, err)
					})
				}
				wg.Wait()
				n, err := mediator.Send(ctx, m, related{ID: "A"})
				require.NoError(t, err)
				require.Equal(t, 1, n, "no key is held")
			})
		})
	}
}

// Runs that send others, whose callers leave at any time, all come to an end.
func TestNestedCoalescedRunsEndUnderLoad(t *testing.T) {
	var m *mediator.Mediator
	m = newMediator(t, mediator.Use(behaviors.Coalesce(func(c mediator.Call) string { return c.Message().(related).ID })),
		mediator.Handle(func(ctx context.Context, q related) (int, error) {
			var wg sync.WaitGroup
			for i := range min(q.Depth, 2) {
				wg.Go(func() {
					_, _ = mediator.Send(ctx, m, related{ID: strconv.Itoa((len(q.ID)*7 + q.Depth*3 + i) % 4), Depth: q.Depth - 1})
				})
			}
			wg.Wait()
			return 1, ctx.Err()
		}))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				if (i+g)%5 == 0 {
					go cancel()
				}
				if _, err := mediator.Send(ctx, m, related{ID: strconv.Itoa((i + g) % 4), Depth: 4}); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

// The runs that had joined it left because they were abandoned, not for a deadline.
func TestFoundANestedRunThatHangsIsNotJoinedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		var m *mediator.Mediator
		ended := make(chan error, 1)
		m = newMediator(t, mediator.Use(behaviors.Coalesce(func(mediator.Call) string { return "same" })),
			mediator.Handle(hungOnce(&runs, ended)),
			mediator.Handle(func(ctx context.Context, _ askToo) (int, error) { return mediator.Send(ctx, m, ask{N: 1}) }))
		begun := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				if _, err := mediator.Send(ctx, m, askToo{}); err != nil {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.LessOrEqual(t, time.Since(begun), 2*time.Second)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		require.ErrorIs(t, <-ended, behaviors.ErrAbandoned)
	})
}

func TestNewWarnsOfACoalesceWhoseRunsHaveNoLimit(t *testing.T) {
	warning := []string{"mediator: Coalesce: a Timeout stands around it and none inside: a run has no time limit, " +
		"and whoever has joined one that hangs fails; put one inside as well (around shop.ask)"}
	timeout := behaviors.Timeout(time.Second)
	one := func(bs ...mediator.Behavior) []mediator.Behavior { return bs }
	standard := behaviors.Standard(behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), Timeout: time.Second})
	for name, tc := range map[string]struct {
		shared []mediator.Behavior
		own    []mediator.Behavior
		want   []string
	}{
		"Standard around":           {standard, one(byN), warning},
		"Timeout around":            {one(timeout), one(byN), warning},
		"a Retry's timeout around":  {one(behaviors.Retry(behaviors.RetryConfig{AttemptTimeout: time.Second})), one(byN), warning},
		"another Timeout inside":    {standard, one(byN, timeout), nil},
		"a Retry's timeout inside":  {standard, one(byN, behaviors.Retry(behaviors.RetryConfig{AttemptTimeout: time.Second})), nil},
		"a Retry without one":       {standard, one(byN, behaviors.Retry(behaviors.RetryConfig{})), warning},
		"inside alone":              {nil, one(byN, timeout), nil},
		"no Timeout":                {nil, one(byN), nil},
		"an exception's Timeout":    {behaviors.Except(behaviors.IsNamed("shop.ask"), timeout), one(byN), nil},
		"a Timeout of streams":      {one(behaviors.When(behaviors.IsKind(mediator.KindStream), timeout)), one(behaviors.When(behaviors.IsKind(mediator.KindRequest), byN)), nil},
		"both for one kind, by one": {behaviors.Except(behaviors.IsNamed("x"), timeout, byN), one(), []string{warning[0][:len(warning[0])-1] + ", shop.numbers)"}},
	} {
		require.Equal(t, tc.want, wired(t, tc.shared, tc.own...), name)
	}
}
