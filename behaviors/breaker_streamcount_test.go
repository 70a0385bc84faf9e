package behaviors_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

type readings struct {
	mediator.Yields[int]
	Sensor string
}

// sensors is a handler of readings: a sensor gives one every pace, for ever, and the
// one that is named "broken" fails at once.
func sensors(pace time.Duration) mediator.Option {
	return mediator.HandleStream(func(ctx context.Context, q readings) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			if q.Sensor == "broken" {
				yield(0, errDown)
				return
			}
			for n := 0; ctx.Err() == nil && yield(n, nil); n++ {
				time.Sleep(pace)
			}
		}
	})
}

// a thousand streams that delivered, whose clients left, were no success beside five
// that failed
func TestFoundStreamsWhoseClientsLeaveCount(t *testing.T) {
	errOut := errors.New("out")
	for name, leave := range map[string]func(t *testing.T, m *mediator.Mediator) error{
		"break": func(t *testing.T, m *mediator.Mediator) error {
			for range mediator.Stream(t.Context(), m, readings{}) {
				break
			}
			return errOut
		},
		"cancel": func(t *testing.T, m *mediator.Mediator) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var last error
			for _, err := range mediator.Stream(ctx, m, readings{}) {
				last = err
				cancel()
			}
			return last
		},
		"panic": func(t *testing.T, m *mediator.Mediator) (err error) {
			defer func() { err, _ = recover().(error) }()
			for range mediator.Stream(t.Context(), m, readings{}) {
				panic(errOut)
			}
			return nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := behaviors.CircuitBreaker(behaviors.BreakerBalanced())
			m := newMediator(t, mediator.Use(b), sensors(time.Second))
			for range 6 {
				require.Error(t, leave(t, m), name)
			}
			for range 5 {
				require.ErrorIs(t, drain(mediator.Stream(t.Context(), m, readings{Sensor: "broken"})), errDown)
			}
			require.Equal(t, behaviors.StateClosed, b.State(), name)
			require.Equal(t, []int{6, 5}, successesAndFailures(b), name)
		})
	}
}

func successesAndFailures(b *behaviors.Breaker) []int {
	s := b.Snapshot()[0]
	return []int{s.Successes, s.Failures}
}

func TestBreakerCountsAStreamForEachTenthOfTheWindowThatItDelivers(t *testing.T) {
	for pace, want := range map[time.Duration][]int{ // after an item, 7s, 29s, 10 minutes
		time.Second:      {1, 2, 5, 10},
		time.Millisecond: {1, 2, 5, 10},
		30 * time.Second: {1, 1, 1, 2},
		10 * time.Minute: {1, 1, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			b := behaviors.CircuitBreaker(behaviors.BreakerConfig{Window: time.Minute})
			m := newMediator(t, mediator.Use(b), sensors(pace))
			end := make(chan error, 1)
			go func() { end <- drain(mediator.Stream(ctx, m, readings{})) }()
			var got []int
			for _, wait := range []time.Duration{time.Millisecond, 7 * time.Second, 22 * time.Second, 9*time.Minute + 34*time.Second} {
				time.Sleep(wait)
				synctest.Wait()
				got = append(got, b.Snapshot()[0].Successes)
			}
			require.Equal(t, want, got, "an item every %v", pace)
			cancel()
			require.ErrorIs(t, <-end, context.Canceled)
			require.Zero(t, b.Snapshot()[0].Failures)
			time.Sleep(time.Minute)
			require.Zero(t, b.Snapshot()[0].Successes)
		})
	}
}

// a stream that was well for hours stood for nothing when another failed, and for
// nothing in a new count
func TestFoundLongStreamsStandBesideOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{MinCalls: 3})
		m := newMediator(t, mediator.Use(b), sensors(time.Second))
		ends := make(chan error, 5)
		for range cap(ends) {
			go func() { ends <- drain(mediator.Stream(ctx, m, readings{})) }()
		}
		failing := func() {
			for range 3 {
				require.ErrorIs(t, drain(mediator.Stream(t.Context(), m, readings{Sensor: "broken"})), errDown)
			}
			require.Equal(t, behaviors.StateClosed, b.State())
		}
		time.Sleep(time.Hour)
		failing()
		b.Isolate()
		time.Sleep(time.Minute)
		b.Reset()
		time.Sleep(10 * time.Second)
		failing()
		cancel()
		for range cap(ends) {
			require.ErrorIs(t, <-ends, context.Canceled)
		}
	})
}

// breaking yields an item each second for so long, and then fails.
func breaking(after time.Duration) func(yield func(int, error) bool) {
	return func(yield func(int, error) bool) {
		for begun := time.Now(); yield(1, nil); time.Sleep(time.Second) {
			if time.Since(begun) >= after {
				yield(0, errDown)
				return
			}
		}
	}
}

func TestBreakerStreamsThatBreakOffAreFailures(t *testing.T) {
	for name, test := range map[string]struct {
		c    behaviors.BreakerConfig
		last time.Duration
		want behaviors.State
	}{
		"all of them":                  {behaviors.BreakerConfig{FailureRatio: 1}, 0, behaviors.StateOpen},
		"in a row":                     {behaviors.BreakerConfig{ConsecutiveFailures: 5}, 0, behaviors.StateOpen},
		"just too soon":                {behaviors.BreakerConfig{FailureRatio: 1}, 5 * time.Second, behaviors.StateOpen},
		"after a tenth of the window":  {behaviors.BreakerConfig{}, 14 * time.Second, behaviors.StateClosed},
		"in a row, but after a tenth":  {behaviors.BreakerConfig{ConsecutiveFailures: 2}, 6 * time.Second, behaviors.StateClosed},
		"both, of which the row trips": {behaviors.BreakerConfig{ConsecutiveFailures: 5, FailureRatio: 1, MinCalls: 100}, time.Second, behaviors.StateOpen},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := behaviors.CircuitBreaker(test.c)
			stream := counter(t, b)
			for range 5 {
				require.Equal(t, behaviors.StateClosed, b.State(), name)
				require.ErrorIs(t, drain(stream(breaking(test.last))), errDown)
			}
			require.Equal(t, test.want, b.State(), name)
		})
	}
}

func TestBreakerStreamsThatBreakOffTogetherAreCountedRight(t *testing.T) {
	b := behaviors.CircuitBreaker(behaviors.BreakerConfig{MinCalls: 1 << 20, Window: time.Hour})
	stream := counter(t, b)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				_ = drain(stream(func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, errDown) }))
				_ = drain(stream(twoItems))
			}
		})
	}
	wg.Wait()
	require.Equal(t, []int{400, 400}, successesAndFailures(b))
}

func TestBreakerSlowFirstItemCountsWhileTheStreamRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{SlowCall: time.Second, MinCalls: 2})
		stream := counter(t, b)
		slowly := func(yield func(int, error) bool) { time.Sleep(2 * time.Second); _ = yield(1, nil) && yield(2, nil) }
		require.NoError(t, drain(stream(slowly)))
		for n, err := range stream(slowly) {
			require.NoError(t, err)
			require.Equal(t, behaviors.StateOpen, b.State(), "item %d", n)
		}
	})
}

// a run that is resumed after items was a failure, so that one stream opened its own breaker
func TestFoundARunThatIsResumedIsNoFailure(t *testing.T) {
	for name, test := range map[string]struct {
		mode    behaviors.StreamMode
		resumes bool
		failAt  []int
		failed  int // of the runs
		err     error
	}{
		"resumes":                     {resumes: true, failAt: []int{1, 1, 1}},
		"resumes, a run without news": {resumes: true, failAt: []int{1, 0, 1}, failed: 1},
		"skips":                       {mode: behaviors.SkipDelivered, failAt: []int{1, 2, 3}},
		"skips, a run without news":   {mode: behaviors.SkipDelivered, failAt: []int{2, 1, 3}, failed: 1},
		"redelivers":                  {mode: behaviors.Redeliver, failAt: []int{1, 2, 3}},
		"does neither":                {failAt: []int{1}, failed: 1, err: errFlaky},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := behaviors.CircuitBreaker(behaviors.BreakerConfig{MinCalls: 100})
			handler := &broken{failAt: test.failAt, resumes: test.resumes}
			m := newMediator(t, mediator.HandleStream(handler.handle), mediator.Use(behaviors.Retry(behaviors.RetryConfig{Stream: test.mode}), b))
			_, err := collect(t.Context(), m, "abcd")
			require.ErrorIs(t, err, test.err, name)
			require.Equal(t, test.failed, b.Snapshot()[0].Failures, name)
			require.Equal(t, handler.runs-test.failed, b.Snapshot()[0].Successes, name)
		})
	}
}

// what another message's Retry resumes says nothing about a stream that its handler asks for
func TestBreakerOfAStreamInsideOfOneThatResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mediator.Mediator
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{MinCalls: 100})
		m = newMediator(t,
			mediator.HandleStream(func(context.Context, inner) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) { _ = yield("x", nil) && yield("", errFlaky) }
			}, mediator.Use(b)),
			mediator.HandleStream(func(ctx context.Context, q letters) iter.Seq2[string, error] {
				behaviors.ResumeFrom(ctx, q)
				return mediator.Stream(ctx, m, inner{})
			}, mediator.Use(behaviors.Retry(behaviors.RetryConfig{Retries: 1, Stream: behaviors.Redeliver, Delay: time.Second}))))
		for item := range mediator.Stream(t.Context(), m, letters{}) {
			if b.Snapshot()[0].Failures == 1 {
				break
			}
			require.Equal(t, "x", item)
		}
		require.Equal(t, 1, b.Snapshot()[0].Failures)
	})
}

func TestBreakerClosesAfterTrialsThatAreResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1, Break: testBreak, Jitter: -1})
		handler := &broken{failAt: []int{0, 1, 1, 1}, resumes: true}
		m := newMediator(t, mediator.HandleStream(handler.handle),
			mediator.Use(behaviors.Retry(behaviors.RetryConfig{MaxDelay: testBreak, Delay: time.Second}), b))
		got, err := collect(t.Context(), m, "abcd")
		require.NoError(t, err)
		require.Equal(t, "abcd", got)
		require.Equal(t, behaviors.StateClosed, b.State())
		require.EqualValues(t, 3, b.Snapshot()[0].Changes, "open, half-open, closed")
	})
}

func TestBreakerStreamTrialThatDeliversLongEnoughDoesNotOpenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, run := halfOpenForStreams(t, behaviors.BreakerConfig{Trials: 2, Window: 50 * time.Second})
		require.ErrorIs(t, run(breaking(6*time.Second)), errDown)
		require.Equal(t, behaviors.StateHalfOpen, b.State())
		require.ErrorIs(t, run(breaking(4*time.Second)), errDown)
		require.Equal(t, behaviors.StateClosed, b.State(), "its first item closed it")
		require.Zero(t, successesAndFailures(b)[1])
	})
}
