package behaviors_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

type letters struct {
	mediator.Yields[string]
	Of string
}

// broken is a handler of letters whose nth run fails after failAt[n] of its
// items; runs after those succeed. If resumes, it goes on where it was.
type broken struct {
	failAt  []int
	resumes bool
	runs    int
	from    []int
}

func (b *broken) handle(ctx context.Context, q letters) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		run := b.runs
		b.runs++
		from := 0
		if b.resumes {
			from = behaviors.ResumeFrom(ctx, q)
			b.from = append(b.from, from)
		}
		for i, r := range q.Of[from:] {
			if run < len(b.failAt) && i == b.failAt[run] {
				yield("", errFlaky)
				return
			}
			if !yield(string(r), nil) {
				return
			}
		}
		if run < len(b.failAt) && b.failAt[run] >= len(q.Of)-from {
			yield("", errFlaky)
		}
	}
}

// collect runs the stream to its end.
func collect(ctx context.Context, m *mediator.Mediator, of string) (got string, err error) {
	for item, e := range mediator.Stream(ctx, m, letters{Of: of}) {
		if e != nil {
			return got, e
		}
		got += item
	}
	return got, nil
}

// Fault of the system reimplemented here: a retried stream delivered items again
// that were already delivered.
func TestFault5RetriedStreamDeliversNothingTwice(t *testing.T) {
	for name, tc := range map[string]struct {
		mode    behaviors.StreamMode
		resumes bool
		failAt  []int
		got     string
		from    []int
		fails   bool
		stopped error
		runs    int
	}{
		"nothing delivered":              {failAt: []int{0, 0}, got: "abcd", runs: 3},
		"delivered":                      {failAt: []int{2}, got: "ab", fails: true, runs: 1},
		"delivered by a retry":           {failAt: []int{0, 2}, got: "ab", fails: true, stopped: behaviors.ErrDelivered, runs: 2},
		"resumes":                        {resumes: true, failAt: []int{2, 1}, got: "abcd", from: []int{0, 2, 3}, runs: 3},
		"resumes before the first":       {resumes: true, failAt: []int{0, 2}, got: "abcd", from: []int{0, 0, 2}, runs: 3},
		"resumes after the last":         {resumes: true, failAt: []int{4}, got: "abcd", from: []int{0, 4}, runs: 2},
		"skips":                          {mode: behaviors.SkipDelivered, failAt: []int{2, 3}, got: "abcd", runs: 3},
		"skips, failing before":          {mode: behaviors.SkipDelivered, failAt: []int{3, 1}, got: "abcd", runs: 3},
		"skips, but the handler resumes": {mode: behaviors.SkipDelivered, resumes: true, failAt: []int{2}, got: "abcd", from: []int{0, 2}, runs: 2},
		"redelivers if asked":            {mode: behaviors.Redeliver, failAt: []int{2, 3}, got: "ababcabcd", runs: 3},
		"redelivers, no endless loop":    {mode: behaviors.Redeliver, failAt: []int{1, 1, 1, 1, 1, 1, 1, 1}, got: "aaaa", fails: true, runs: 4},
		"new items begin a new series":   {resumes: true, failAt: []int{1, 0, 0, 1, 0, 0}, got: "abcd", from: []int{0, 1, 1, 1, 2, 2, 2}, runs: 7},
		"no new item, the retries end":   {resumes: true, failAt: []int{1, 0, 0, 0, 0, 0, 0}, got: "a", from: []int{0, 1, 1, 1}, fails: true, runs: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broken{failAt: tc.failAt, resumes: tc.resumes}
				m := newMediator(t, mediator.HandleStream(b.handle), mediator.Use(behaviors.Retry(behaviors.RetryConfig{
					Stream: tc.mode, Budget: behaviors.NoBudget()})))
				got, err := collect(t.Context(), m, "abcd")
				require.Equal(t, tc.got, got)
				require.Equal(t, tc.fails, err != nil, "%v", err)
				if tc.fails {
					require.ErrorIs(t, err, errFlaky)
				}
				if tc.stopped != nil {
					require.ErrorIs(t, err, tc.stopped)
				}
				require.Equal(t, tc.runs, b.runs)
				require.Equal(t, tc.from, b.from)
			})
		})
	}
}

// Fault of the system reimplemented here: running out of retry time ended the
// stream as a success.
func TestFault5RunningOutOfTimeIsAnError(t *testing.T) {
	for name, within := range map[string]struct {
		c        behaviors.RetryConfig
		deadline time.Duration
		want     error
	}{
		"MaxTotal": {behaviors.RetryConfig{Retries: 100, Delay: time.Second, Backoff: behaviors.Fixed, MaxTotal: 5 * time.Second}, time.Hour, behaviors.ErrRetryTime},
		"deadline": {behaviors.RetryConfig{Retries: 100, Delay: time.Second, Backoff: behaviors.Fixed}, 5 * time.Second, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				within.c.Budget = behaviors.NoBudget()
				ctx, cancel := context.WithTimeout(t.Context(), within.deadline)
				defer cancel()
				begun := time.Now()
				b := &broken{failAt: make([]int, 200)}
				m := newMediator(t, mediator.HandleStream(b.handle), mediator.Use(behaviors.Retry(within.c)))
				got, err := collect(ctx, m, "abcd")
				require.Empty(t, got)
				require.ErrorIs(t, err, errFlaky)
				require.ErrorIs(t, err, within.want)
				require.Equal(t, 5, b.runs)
				require.Equal(t, 4*time.Second, time.Since(begun))
			})
		})
	}
}

// Fault of the system reimplemented here: a handler's cancellation was swallowed.
func TestFault9CutOffStreamIsAnError(t *testing.T) {
	cause := errors.New("shutdown")
	ctx, cancel := context.WithCancelCause(t.Context())
	m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{}), behaviors.Recover(), behaviors.Timeout(time.Hour)),
		mediator.HandleStream(func(ctx context.Context, _ letters) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				yield("a", nil)
				cancel(cause)
			}
		}))
	got, err := collect(ctx, m, "")
	require.Equal(t, "a", got)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, cause)
}

func TestConsumerThatStopsEndsARetriedStream(t *testing.T) {
	b := &broken{failAt: []int{3}, resumes: true}
	m := newMediator(t, mediator.HandleStream(b.handle), mediator.Use(behaviors.Retry(behaviors.RetryConfig{})))
	for item, err := range mediator.Stream(t.Context(), m, letters{Of: "abcd"}) {
		require.NoError(t, err)
		if item == "b" {
			break
		}
	}
	require.Equal(t, 1, b.runs)
}

func TestNestedRetriesAddUpWhereAStreamResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retry := func() mediator.Behavior {
			return behaviors.Retry(behaviors.RetryConfig{Retries: 1, Budget: behaviors.NoBudget(), RetryIf: func(error) bool { return true }})
		}
		b := &broken{failAt: []int{2, 1, 0, 1, 0, 0, 0}, resumes: true}
		m, err := mediator.New(mediator.HandleStream(b.handle), mediator.Use(retry(), retry()), mediator.OnWarning(func(string) {}))
		require.NoError(t, err)
		got, err := collect(t.Context(), m, "abcdef")
		require.Equal(t, "abcd", got)
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, []int{0, 2, 3, 3, 4, 4, 4}, b.from)
	})
}

type inner struct {
	mediator.Yields[string]
	Of string
}

func TestAnotherMessagesHandlerDoesNotResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		var from []int
		m = newMediator(t,
			mediator.HandleStream(func(ctx context.Context, q inner) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					from = append(from, behaviors.ResumeFrom(ctx, q), behaviors.ResumeFrom(ctx, letters{Of: "another"}))
					yield(q.Of, nil)
				}
			}),
			mediator.HandleStream(func(ctx context.Context, q letters) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for item, err := range mediator.Stream(ctx, m, inner{Of: "x"}) {
						if !yield(item, err) {
							return
						}
					}
					yield("", errFlaky)
				}
			}, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Stream: behaviors.SkipDelivered}))))
		got, err := collect(t.Context(), m, "abcd")
		require.Equal(t, "x", got)
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, []int{0, 0, 0, 0, 0, 0, 0, 0}, from)
	})
}

type batch struct {
	mediator.Yields[string]
	Of []string
}

func TestRequestsThatCannotBeComparedResumeByType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var from []int
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{})),
			mediator.HandleStream(func(ctx context.Context, q batch) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					at := behaviors.ResumeFrom(ctx, q)
					from = append(from, at, behaviors.ResumeFrom(ctx, nil))
					if yield(q.Of[at], nil) && at == 0 {
						yield("", errFlaky)
					}
				}
			}))
		got := ""
		for item, err := range mediator.Stream(t.Context(), m, batch{Of: []string{"a", "b"}}) {
			require.NoError(t, err)
			got += item
		}
		require.Equal(t, "ab", got)
		require.Equal(t, []int{0, 0, 1, 0}, from)
	})
}

func TestAttemptTimeoutOfAStreamIsForItsFirstItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		m := newMediator(t, mediator.Use(behaviors.Retry(behaviors.RetryConfig{AttemptTimeout: time.Second})),
			mediator.HandleStream(func(ctx context.Context, _ letters) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					if runs++; runs < 3 {
						<-ctx.Done()
						yield("", ctx.Err())
						return
					}
					for range 5 {
						if !yield("a", nil) {
							return
						}
						time.Sleep(time.Minute)
					}
				}
			}))
		got, err := collect(t.Context(), m, "")
		require.NoError(t, err)
		require.Equal(t, "aaaaa", got)
		require.Equal(t, 3, runs)

		runs = -10
		_, err = collect(t.Context(), m, "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var limit *behaviors.TimeoutError
		require.ErrorAs(t, err, &limit)
	})
}
