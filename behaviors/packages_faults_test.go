package behaviors_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestFault4TheBreakerHidesNoErrorFromTheRetryOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{MinCalls: 10})
		var seen []error
		retry := behaviors.Retry(behaviors.RetryConfig{Retries: 2, RetryIf: func(err error) bool {
			seen = append(seen, err)
			return errors.Is(err, errFaulty)
		}})
		attempts := 0
		m := newMediator(t, mediator.Use(retry, breaker), askFor(func(context.Context) error {
			if attempts++; attempts < 3 {
				return errFaulty
			}
			return nil
		}))
		_, err := mediator.Send(t.Context(), m, ask{})
		require.NoError(t, err)
		require.Equal(t, 3, attempts)
		require.Equal(t, []error{errFaulty, errFaulty}, seen, "unchanged, not only by errors.Is")
		require.Equal(t, 2, breaker.Snapshot()[0].Failures)
	})
}

func TestFault9ACallersCancellationIsNoFailureAnywhere(t *testing.T) {
	for _, cause := range []error{nil, errors.New("the user closed the page")} {
		t.Run(fmt.Sprint(cause), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l logged
				r := behaviors.NewRecorder()
				breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
				runs := 0
				m := newMediator(t,
					mediator.Use(behaviors.Log(l.logger(slog.LevelDebug)), r, behaviors.Retry(behaviors.RetryConfig{}), breaker),
					askFor(func(ctx context.Context) error { runs++; <-ctx.Done(); return context.Cause(ctx) }),
					mediator.Subscribe(func(ctx context.Context, _ told) error { runs++; <-ctx.Done(); return ctx.Err() }, mediator.Named("told")),
					mediator.HandleStream(func(ctx context.Context, _ upTo) iter.Seq2[int, error] {
						return func(yield func(int, error) bool) { runs++; _ = yield(1, nil); <-ctx.Done() }
					}, mediator.Named("numbers")))
				canceled := func(call func(ctx context.Context) error) {
					ctx, cancel := context.WithCancelCause(t.Context())
					time.AfterFunc(time.Second, func() { cancel(cause) })
					err := call(ctx)
					require.ErrorIs(t, err, context.Canceled)
					if cause != nil {
						require.ErrorIs(t, err, cause)
					}
				}
				canceled(func(ctx context.Context) error { _, err := mediator.Send(ctx, m, ask{}); return err })
				canceled(func(ctx context.Context) error { return mediator.Publish(ctx, m, told{}) })
				canceled(func(ctx context.Context) error { return drain(mediator.Stream(ctx, m, upTo{})) })
				require.Equal(t, 3, runs, "no retry")
				require.Equal(t, behaviors.StateClosed, breaker.State())
				for _, name := range []string{"ask", "told", "numbers"} {
					requireOnly(t, r.Snapshot().Message(name), behaviors.Canceled)
				}
				lines := l.lines(t)
				require.Len(t, lines, 3)
				for _, line := range lines {
					require.Equal(t, "INFO", line["level"])
					require.Equal(t, "canceled", line["msg"])
				}
			})
		})
	}
}

func TestFault9AStreamThatWasCutOffDoesNotLookComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behaviors.NewRecorder()
		bs := behaviors.StreamingResilience(behaviors.StreamingConfig{Logger: slog.New(slog.DiscardHandler), Recorder: r})
		m := newMediator(t, mediator.Use(bs...), mediator.HandleStream(func(ctx context.Context, _ upTo) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { // ends without a word when it is canceled
				for n := 0; ctx.Err() == nil && yield(n, nil); n++ {
					time.Sleep(time.Second)
				}
			}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.ErrorIs(t, drain(mediator.Stream(ctx, m, upTo{})), context.DeadlineExceeded)
		require.EqualValues(t, 1, r.Snapshot().Total().Count(behaviors.TimedOut))
	})
}

func TestRecorderShowsTheBreakersBesideIt(t *testing.T) {
	r := behaviors.NewRecorder()
	breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{ConsecutiveFailures: 1})
	m := newMediator(t, mediator.Use(r, breaker), askFor(func(context.Context) error { return errFaulty }))
	for range 3 {
		_, err := mediator.Send(t.Context(), m, ask{})
		require.Error(t, err)
	}
	byName := map[string]behaviors.Reading{}
	for _, reading := range r.Snapshot().Readings {
		require.Equal(t, "ask", reading.Scope)
		byName[reading.Name] = reading
	}
	require.Equal(t, "open", byName["state"].State)
	require.True(t, byName["state"].Gauge)
	require.InDelta(t, 1, byName["changes"].Value, 0)
	require.InDelta(t, 2, byName["rejections"].Value, 0)
	total := r.Snapshot().Total()
	require.EqualValues(t, 1, total.Count(behaviors.Failed))
	require.EqualValues(t, 2, total.Count(behaviors.Rejected))
}

func TestSixLayersLetAPanicThroughAndGiveEverythingBack(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(sixLayers(r)...), mediator.Handle(func(ctx context.Context, q ask) (int, error) {
		if q.N < 0 {
			return 0, explode(ctx)
		}
		return q.N, nil
	}))
	for range 10 { // the bulkhead has fewer places
		_, err := mediator.Send(t.Context(), m, ask{N: -1})
		var p *mediator.PanicError
		require.ErrorAs(t, err, &p)
	}
	n, err := mediator.Send(t.Context(), m, ask{N: 7})
	require.NoError(t, err)
	require.Equal(t, 7, n)
	require.EqualValues(t, 10, r.Snapshot().Total().Count(behaviors.Panicked))
}

// sixLayers is what the issue of speed is about.
func sixLayers(r *behaviors.Recorder) []mediator.Behavior {
	return []mediator.Behavior{
		behaviors.Recover(), r, behaviors.RateLimit(unlimited{}), behaviors.Bulkhead(behaviors.BulkheadConfig{Limit: 4}),
		behaviors.Retry(behaviors.RetryConfig{}), behaviors.CircuitBreaker(behaviors.BreakerConfig{MinCalls: 1000}),
	}
}
