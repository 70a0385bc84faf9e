package behaviors_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/fsmediator/mediator/behaviors"
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

func TestEndingOfAnErrorThatPanicsWhenAsked(t *testing.T) {
	require.Equal(t, behaviors.Failed, behaviors.EndingOf(t.Context(), (*untold)(nil)))
}
