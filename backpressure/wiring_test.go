package backpressure_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// TestWiringWarnings has what New says of wirings that work and are known to be wrong.
func TestWiringWarnings(t *testing.T) {
	const (
		twice   = "the same Control stands around the handler more than once"
		doubles = "items may come twice and out of order"
	)
	type all = []mediator.Behavior
	always := func(mediator.Call) bool { return true }
	retry := behaviors.Retry(behaviors.RetryConfig{})
	lossy := backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest})
	decides := backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Admit: func(*mediator.Queue) mediator.Verdict { return mediator.Enqueue }})
	keeps := backpressure.New(backpressure.Config{})
	for name, c := range map[string]struct {
		outside, around all // the mediator's, and the handler's
		want            []string
	}{
		"one":                                   {around: all{keeps}},
		"two":                                   {around: all{keeps, backpressure.New(backpressure.Config{})}},
		"the mediator's and the handler's":      {outside: all{keeps}, around: all{keeps}, want: []string{twice}},
		"the same, with a condition inside":     {around: all{keeps, behaviors.When(always, keeps)}, want: []string{twice}},
		"the same, with a condition outside":    {around: all{behaviors.When(always, keeps), keeps}, want: []string{twice}},
		"the exception's own":                   {outside: behaviors.Except(always, keeps), around: all{keeps}},
		"a Retry around what keeps all":         {around: all{retry, keeps}},
		"a Retry around what drops":             {outside: all{retry}, around: all{lossy}, want: []string{doubles}},
		"a conditional Retry around what drops": {around: all{behaviors.When(always, retry), lossy}, want: []string{doubles}},
		"a Retry that stands apart":             {outside: behaviors.Except(always, retry), around: all{lossy}},
		"a Retry inside of what drops":          {around: all{lossy, retry}},
		"a Retry around what decides itself":    {around: all{retry, decides}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			m, err := mediator.New(
				mediator.OnWarning(func(w string) { got = append(got, w) }),
				mediator.Use(c.outside...),
				mediator.HandleStream(countUp, mediator.Use(c.around...)),
			)
			require.NoError(t, err)
			require.NoError(t, m.Close(t.Context()))
			require.Len(t, got, len(c.want), "%v", got)
			for i, want := range c.want {
				require.Contains(t, got[i], want)
			}
		})
	}
}

// TestRetryAroundEachStrategy is why New warns of some and not of others: what comes
// after a failure is in order where nothing is left out.
func TestRetryAroundEachStrategy(t *testing.T) {
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				warned := false
				fails := func(ctx context.Context, q count) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						begin := behaviors.ResumeFrom(ctx, q)
						for i := begin; i < q.N; i++ {
							if i == begin+14 && behaviors.Attempt(ctx) < 3 {
								yield(0, errors.New("broken"))
								return
							}
							if !yield(i, nil) {
								return
							}
						}
					}
				}
				m, err := mediator.New(mediator.OnWarning(func(string) { warned = true }), mediator.HandleStream(fails, mediator.Use(
					behaviors.Retry(behaviors.RetryConfig{Budget: behaviors.NoBudget()}),
					backpressure.New(backpressure.Config{Strategy: s, Capacity: 4}),
				)))
				require.NoError(t, err)
				got, err := slowly(t, m, 40)
				require.NoError(t, m.Close(t.Context()))
				switch s {
				case backpressure.Sample:
					require.NoError(t, err)
					require.Greater(t, occurrences(got), 1, "%v", got)
					require.True(t, warned)
				case backpressure.DropNewest, backpressure.DropOldest, backpressure.Latest:
					require.NoError(t, err)
					require.Less(t, len(got), 40)
					require.True(t, warned)
				case backpressure.Fail: // it leaves out none, and may fail again
					require.Equal(t, 1, occurrences(got))
					require.False(t, warned)
				default:
					require.NoError(t, err)
					require.Len(t, got, 40)
					require.Equal(t, 1, occurrences(got))
					require.False(t, warned)
				}
			})
		})
	}
}

// occurrences is how often the most frequent of all comes.
func occurrences(all []int) (most int) {
	n := map[int]int{}
	for _, i := range all {
		n[i]++
		most = max(most, n[i])
	}
	return most
}
