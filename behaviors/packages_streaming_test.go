package behaviors_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

type flaky struct{ mediator.Yields[int] }

func TestStreamingPackagesTakeARetryAndABreaker(t *testing.T) {
	for _, pack := range []func(...behaviors.StreamingConfig) []mediator.Behavior{behaviors.StreamingResilience, behaviors.StreamingPlatinum} {
		synctest.Test(t, func(t *testing.T) {
			down := errors.New("down")
			runs := 0
			m, err := mediator.New(mediator.HandleStream(func(context.Context, flaky) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					runs++
					yield(0, down)
				}
			}, mediator.Use(pack(behaviors.StreamingConfig{
				Retry:   &behaviors.RetryConfig{Retries: 9, Delay: time.Millisecond},
				Breaker: &behaviors.BreakerConfig{ConsecutiveFailures: 5, Break: time.Hour},
			})...)))
			require.NoError(t, err)
			var end error
			for _, err := range mediator.Stream(t.Context(), m, flaky{}) {
				end = err
			}
			require.ErrorIs(t, end, behaviors.ErrOpen)
			require.Equal(t, 5, runs, "the breaker's five, within the retry's ten")
		})
	}
}

func TestStreamingPackagesGoOnAfterAnItemIfTheyMay(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	for _, pack := range []func(...behaviors.StreamingConfig) []mediator.Behavior{behaviors.StreamingResilience, behaviors.StreamingPlatinum} {
		for name, tc := range map[string]struct {
			resumes bool
			retry   *behaviors.RetryConfig
			want    string
			err     error
		}{
			"as it is":      {want: "ab", err: errFlaky},
			"ResumeFrom":    {resumes: true, want: "abcd"},
			"SkipDelivered": {retry: &behaviors.RetryConfig{Stream: behaviors.SkipDelivered}, want: "abcd"},
			"Redeliver":     {retry: &behaviors.RetryConfig{Stream: behaviors.Redeliver}, want: "ababcd"},
		} {
			synctest.Test(t, func(t *testing.T) {
				handler := &broken{failAt: []int{2}, resumes: tc.resumes}
				m := newMediator(t, mediator.Use(pack(behaviors.StreamingConfig{Logger: quiet, Retry: tc.retry})...), mediator.HandleStream(handler.handle))
				got, err := collect(t.Context(), m, "abcd")
				require.ErrorIs(t, err, tc.err, name)
				require.Equal(t, tc.want, got, name)
			})
		}
	}
}
