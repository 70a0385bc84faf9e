package behaviors_test

import (
	"context"
	"errors"
	"runtime"
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

var byN = behaviors.Coalesce(func(c mediator.Call) string {
	n := c.Message().(ask).N
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
})

// together sends the requests at the same time.
func together(t *testing.T, m *mediator.Mediator, ns ...int) (answers []int, errs []error) {
	answers, errs = make([]int, len(ns)), make([]error, len(ns))
	var wg sync.WaitGroup
	for i, n := range ns {
		wg.Go(func() { answers[i], errs[i] = mediator.Send(t.Context(), m, ask{N: n}) })
	}
	wg.Wait()
	return answers, errs
}

func TestCoalesceRunsTheSameKeyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		handled := map[int]int{}
		m := newMediator(t, mediator.Use(byN), mediator.Handle(func(_ context.Context, q ask) (int, error) {
			mu.Lock()
			handled[q.N]++
			mu.Unlock()
			time.Sleep(time.Second)
			if q.N == 3 {
				return 0, errFlaky
			}
			return q.N * 10, nil
		}))
		answers, errs := together(t, m, 1, 1, 1, 2, 3, 3, 0, 0)
		require.Equal(t, []int{10, 10, 10, 20, 0, 0, 0, 0}, answers)
		for i, err := range errs {
			if i == 4 || i == 5 {
				require.Equal(t, errFlaky, err)
			} else {
				require.NoError(t, err)
			}
		}
		require.Equal(t, map[int]int{1: 1, 2: 1, 3: 1, 0: 2}, handled)
		_, _ = together(t, m, 1)
		require.Equal(t, 2, handled[1], "only what is in progress is shared")
	})
}

func TestCallerThatLeavesDoesNotCancelTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Use(byN), mediator.Handle(func(ctx context.Context, q ask) (int, error) {
			return answering(time.Minute, q.N, nil)(ctx)
		}))
		cause := errors.New("left")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		begun := time.Now()
		go func() {
			_, err := mediator.Send(ctx, m, ask{N: 1})
			left <- err
		}()
		synctest.Wait()
		go func() {
			time.Sleep(time.Second)
			cancel(cause)
		}()
		n, err := mediator.Send(t.Context(), m, ask{N: 1})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, time.Minute, time.Since(begun), "the run of the first caller")
		err = <-left
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
	})
}

func TestLastCallerThatLeavesEndsTheRunAndWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		runs, ended := 0, false
		m := newMediator(t, mediator.Use(byN), mediator.Handle(func(ctx context.Context, q ask) (int, error) {
			if runs++; runs > 1 {
				return q.N, nil
			}
			<-ctx.Done()
			cause = context.Cause(ctx)
			time.Sleep(time.Second)
			ended = true
			return 0, ctx.Err()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := mediator.Send(ctx, m, ask{N: 1})
				require.ErrorIs(t, err, context.Canceled)
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		n, err := mediator.Send(t.Context(), m, ask{N: 1})
		require.NoError(t, err)
		require.Equal(t, 1, n, "who comes then has a run of its own")
		wg.Wait()
		require.True(t, ended)
		require.ErrorIs(t, cause, behaviors.ErrAbandoned)
		_, err = mediator.Send(ctx, m, ask{N: 1})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 2, runs, "nothing runs under an ended context")
	})
}

func TestCoalesceOfPanicAndGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Use(behaviors.Recover(), byN), mediator.Handle(func(_ context.Context, q ask) (int, error) {
			time.Sleep(time.Second)
			if q.N == 1 {
				panic("bug")
			}
			runtime.Goexit()
			return 0, nil
		}))
		_, errs := together(t, m, 1, 1, 2, 2)
		for i, err := range errs {
			var p *mediator.PanicError
			if i < 2 {
				require.ErrorAs(t, err, &p)
				require.Equal(t, "bug", p.Value)
			} else {
				require.ErrorIs(t, err, mediator.ErrGoexit)
			}
		}
		_, errs = together(t, m, 2)
		require.ErrorIs(t, errs[0], mediator.ErrGoexit, "the key is free again")
	})
}

// Nobody learned of a panic after the last caller had left.
func TestFoundPanicOfAnAbandonedRunReachesWhoWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.Use(behaviors.Recover(), byN), mediator.Handle(func(ctx context.Context, _ ask) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			panic("bug")
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := mediator.Send(ctx, m, ask{N: 1})
		var p *mediator.PanicError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "bug", p.Value)
	})
}

func TestCoalesceLeavesNotificationsAndStreamsAlone(t *testing.T) {
	b, heard := &broken{}, 0
	m := newMediator(t, mediator.Use(behaviors.Coalesce(func(mediator.Call) string { return "same" })), mediator.HandleStream(b.handle),
		mediator.Subscribe(func(context.Context, told) error { heard++; return nil }))
	got, err := collect(t.Context(), m, "ab")
	require.NoError(t, err)
	require.Equal(t, "ab", got)
	require.NoError(t, mediator.Publish(t.Context(), m, told{}))
	require.Equal(t, 1, heard)
	require.Panics(t, func() { behaviors.Coalesce(nil) })
}

// It waited for itself, and held its key for ever, whatever became of its callers.
func TestFoundCoalescedRunMaySendTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		same := behaviors.Coalesce(func(mediator.Call) string { return "same" })
		var runs atomic.Int64
		m = newMediator(t, mediator.Use(same),
			mediator.Handle(func(ctx context.Context, q ask) (int, error) {
				runs.Add(1)
				time.Sleep(time.Second)
				if q.N == 0 {
					return 0, nil
				}
				n, err := mediator.Send(ctx, m, askToo{N: q.N - 1})
				return n + 1, err
			}),
			mediator.Handle(func(ctx context.Context, q askToo) (int, error) {
				n, err := mediator.Send(ctx, m, ask{N: q.N})
				return n + 1, err
			}))
		answers, errs := together(t, m, 2, 2, 2)
		require.Equal(t, []int{4, 4, 4}, answers)
		require.Equal(t, make([]error, 3), errs)
		require.EqualValues(t, 3, runs.Load(), "those from outside still share")
	})
}

type askToo struct {
	mediator.Returns[int]
	N int
}

func TestCoalesceUnderLoad(t *testing.T) {
	m := newMediator(t, mediator.Use(byN), mediator.Handle(func(_ context.Context, q ask) (int, error) {
		runtime.Gosched()
		return q.N, nil
	}))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+g)%7 == 0 {
					go cancel()
				}
				n, err := mediator.Send(ctx, m, ask{N: 1 + i%3})
				if err == nil && n != 1+i%3 || err != nil && !errors.Is(err, context.Canceled) {
					t.Error(n, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}
