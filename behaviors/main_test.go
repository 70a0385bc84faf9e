package behaviors_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
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

// ask is a request that the tests share.
type ask struct {
	mediator.Returns[int]
	N int
}

// told is a notification that the tests share.
type told struct{ N int }

// noop is what the benchmarks are compared with.
type noop struct{}

func (noop) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error { return next(ctx, c) }
}

// benchSend measures the behaviors around a request whose handler succeeds.
func benchSend(b *testing.B, bs ...mediator.Behavior) {
	m := newMediator(b, mediator.Use(bs...), mediator.Handle(func(_ context.Context, q ask) (int, error) { return q.N, nil }))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if n, err := mediator.Send(ctx, m, ask{N: 7}); n != 7 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// requireNoAllocs sends a request that succeeds through the behaviors.
func requireNoAllocs(t *testing.T, bs ...mediator.Behavior) {
	t.Helper()
	m := newMediator(t, mediator.Use(bs...), mediator.Handle(func(_ context.Context, q ask) (int, error) { return q.N, nil }))
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if n, err := mediator.Send(ctx, m, ask{N: 7}); n != 7 || err != nil {
			t.Error(n, err)
		}
	}))
}
