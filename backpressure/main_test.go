package backpressure_test

import (
	"context"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newMediator wires a mediator and closes it at the end of the test. Warnings
// about the wiring fail the test.
func newMediator(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	t.Helper()
	m, err := mediator.New(append(opts, mediator.OnWarning(func(w string) { t.Errorf("warning: %s", w) }))...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(context.WithoutCancel(t.Context()))) })
	return m
}

// count is the stream that the tests share. Its handler is the test's own.
type count struct {
	mediator.Yields[int]
	N int
}

// upTo yields 0 to n-1 as fast as it can.
func upTo(n int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func countUp(_ context.Context, q count) iter.Seq2[int, error] { return upTo(q.N) }

type handler = func(context.Context, count) iter.Seq2[int, error]

// bounded wires a handler with a boundary around it.
func bounded(t testing.TB, c backpressure.Config, h handler) (*mediator.Mediator, *backpressure.Control) {
	t.Helper()
	k := backpressure.Of(backpressure.New(c))
	return newMediator(t, mediator.HandleStream(h, mediator.Use(k))), k
}

// requireExact requires that the counts add up, those of the runs to the totals too.
func requireExact(t testing.TB, s backpressure.Snapshot) {
	t.Helper()
	for _, c := range append([]backpressure.RunSnapshot{{Counts: s.Counts}}, s.Runs...) {
		require.Equal(t, c.Produced, c.Delivered+c.Dropped+c.SampledOut+c.Abandoned+uint64(c.Queued), "%+v", c.Counts)
		require.GreaterOrEqual(t, c.Queued, 0)
	}
}
