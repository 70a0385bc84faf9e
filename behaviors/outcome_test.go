package behaviors_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/wrapped"
	"github.com/stretchr/testify/require"
)

type statusError struct{ code int }

func (e *statusError) Error() string   { return "status " + strconv.Itoa(e.code) }
func (e *statusError) StatusCode() int { return e.code }

type businessError struct{ business bool }

func (e businessError) Error() string  { return "no credit" }
func (e businessError) Business() bool { return e.business }

func TestOutcomes(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("call: %w", err) }
	for _, c := range []struct {
		err                        error
		standard, database, remote behaviors.Outcome
	}{
		{nil, behaviors.OutcomeSuccess, behaviors.OutcomeSuccess, behaviors.OutcomeSuccess},
		{errDown, behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeFailure},
		{wrapped(behaviors.ErrInvalid), behaviors.OutcomeIgnored, behaviors.OutcomeIgnored, behaviors.OutcomeIgnored},
		{wrapped(businessError{true}), behaviors.OutcomeIgnored, behaviors.OutcomeIgnored, behaviors.OutcomeIgnored},
		{wrapped(businessError{false}), behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeFailure},
		{wrapped(&statusError{400}), behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeIgnored},
		{wrapped(&statusError{401}), behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeIgnored},
		{wrapped(&statusError{403}), behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeIgnored},
		{wrapped(&statusError{404}), behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeIgnored},
		{wrapped(&statusError{402}), behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeFailure},
		{wrapped(&statusError{503}), behaviors.OutcomeFailure, behaviors.OutcomeFailure, behaviors.OutcomeFailure},
		{wrapped(behaviors.ErrOpen), behaviors.OutcomeIgnored, behaviors.OutcomeIgnored, behaviors.OutcomeIgnored},
		{wrapped(&behaviors.FullError{}), behaviors.OutcomeIgnored, behaviors.OutcomeIgnored, behaviors.OutcomeIgnored},
		{wrapped(behaviors.ErrLimited), behaviors.OutcomeIgnored, behaviors.OutcomeIgnored, behaviors.OutcomeIgnored},
		{wrapped(behaviors.ErrMemory), behaviors.OutcomeIgnored, behaviors.OutcomeIgnored, behaviors.OutcomeIgnored},
	} {
		require.Equal(t, c.standard, behaviors.OutcomeOf(c.err), "%v", c.err)
		require.Equal(t, c.database, behaviors.DatabaseOutcome(c.err), "%v", c.err)
		require.Equal(t, c.remote, behaviors.ExternalAPIOutcome(c.err), "%v", c.err)
	}
}

// presets of FS.Mediator 9.0
func TestBreakerPresets(t *testing.T) {
	for name, c := range map[string]struct {
		got      behaviors.BreakerConfig
		ratio    float64
		min      int
		window   time.Duration
		pause    time.Duration
		trials   int
		ignored  error
		counting error
	}{
		"Sensitive":   {behaviors.BreakerSensitive(), 0.3, 3, 30 * time.Second, 15 * time.Second, 2, nil, errDown},
		"Balanced":    {behaviors.BreakerBalanced(), 0.5, 5, time.Minute, 30 * time.Second, 3, nil, errDown},
		"Resilient":   {behaviors.BreakerResilient(), 0.7, 10, 2 * time.Minute, time.Minute, 5, nil, errDown},
		"Database":    {behaviors.BreakerDatabase(), 0.4, 5, time.Minute, 45 * time.Second, 2, businessError{true}, &statusError{404}},
		"ExternalAPI": {behaviors.BreakerExternalAPI(), 0.6, 8, 3 * time.Minute, time.Minute, 3, &statusError{404}, &statusError{402}},
	} {
		t.Run(name, func(t *testing.T) {
			require.InDelta(t, c.ratio, c.got.FailureRatio, 1e-9)
			require.Equal(t, c.min, c.got.MinCalls)
			require.Equal(t, c.window, c.got.Window)
			require.Equal(t, c.pause, c.got.Break)
			require.Equal(t, c.trials, c.got.Trials)

			b := behaviors.CircuitBreaker(c.got)
			exec := actor(t, b)
			if c.ignored != nil {
				for range 3 * c.min {
					require.ErrorIs(t, exec(t.Context(), returns(c.ignored)), c.ignored)
				}
			}
			for range c.min {
				require.Equal(t, behaviors.StateClosed, b.State())
				require.ErrorIs(t, exec(t.Context(), returns(c.counting)), c.counting)
			}
			require.Equal(t, behaviors.StateOpen, b.State())
		})
	}

}

func returns(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// untold is an error whose nil pointer is no nil error, and panics when asked.
type untold struct{ cause error }

func (u *untold) Error() string { return u.cause.Error() }
func (u *untold) Unwrap() error { return u.cause }

// turning is an error that wraps itself, so that errors.Is never ends.
type turning struct{}

func (turning) Error() string { return "turning" }
func (turning) Unwrap() error { return turning{} }

// A handler that returns a nil pointer as an error panicked in what asks for causes.
func TestFoundErrorsThatCannotBeAsked(t *testing.T) {
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, bad := range []error{(*untold)(nil), turning{}} {
		require.Equal(t, behaviors.Failed, behaviors.EndingOf(t.Context(), bad))
		require.Equal(t, behaviors.OutcomeFailure, behaviors.OutcomeOf(bad))
		require.True(t, behaviors.Retryable(bad))
		require.False(t, behaviors.HTTPError(bad))
		require.False(t, behaviors.DatabaseError(bad))
		for _, b := range []mediator.Behavior{
			behaviors.Retry(behaviors.RetryConfig{Retries: 1}), behaviors.Retry(behaviors.RetryHTTP()), behaviors.Retry(behaviors.RetryDatabase()),
			behaviors.CircuitBreaker(behaviors.BreakerConfig{}), behaviors.CircuitBreaker(behaviors.BreakerExternalAPI()),
			behaviors.Bulkhead(behaviors.BulkheadConfig{}), behaviors.RateLimitWait(unlimited{}, time.Minute), behaviors.Timeout(time.Hour),
			behaviors.Fallback(func(_ context.Context, err error) (int, error) { return 0, err }), behaviors.Hedge(behaviors.HedgeConfig{Delay: time.Second}),
			behaviors.Coalesce(func(mediator.Call) string { return "" }), behaviors.NewRecorder(), behaviors.Log(logger),
			behaviors.Slow(behaviors.SlowConfig{Logger: logger}), behaviors.Validate(), behaviors.Recover(),
			behaviors.When(behaviors.IsKind(mediator.KindRequest), behaviors.Retry(behaviors.RetryConfig{Retries: 1})), deadletter.Behavior(deadletter.NewMemory()),
		} {
			t.Run(fmt.Sprintf("%T, %T", bad, b), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMediator(t, mediator.Use(b),
						mediator.Handle(func(context.Context, ask) (int, error) { time.Sleep(time.Minute); return 0, bad }),
						mediator.Subscribe(func(context.Context, told) error { return bad }),
						mediator.HandleStream(func(context.Context, flaky) iter.Seq2[int, error] {
							return func(yield func(int, error) bool) { yield(0, bad) }
						}))
					_, err := mediator.Send(t.Context(), m, ask{})
					requireWraps(t, bad, err)
					requireWraps(t, bad, mediator.Publish(t.Context(), m, told{}))
					ends := 0
					for _, err := range mediator.Stream(t.Context(), m, flaky{}) {
						requireWraps(t, bad, err)
						ends++
					}
					require.Equal(t, 1, ends)
				})
			})
		}
	}
}

// requireWraps is require.ErrorIs for what cannot be asked.
func requireWraps(t *testing.T, want, err error) {
	t.Helper()
	for e := range wrapped.All(err) {
		if e == want { //nolint:errorlint // All unwraps
			return
		}
	}
	require.Failf(t, "it is not in the error", "%T", err)
}
