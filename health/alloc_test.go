//go:build !race

package health_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

func TestACallAllocatesNothing(t *testing.T) {
	h := newMonitor(health.Config{})
	m := newMediator(t, mediator.Use(h), mediator.Handle(answer),
		mediator.Subscribe(func(context.Context, told) error { return nil }))
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if n, err := mediator.Send(ctx, m, ask{N: 7}); n != 7 || err != nil {
			t.Error(n, err)
		}
	}))
	without := newMediator(t, mediator.Use(noop), mediator.Subscribe(func(context.Context, told) error { return nil }))
	publish := func(m *mediator.Mediator) float64 {
		return testing.AllocsPerRun(1000, func() {
			if err := mediator.Publish(ctx, m, told{}); err != nil {
				t.Error(err)
			}
		})
	}
	require.InDelta(t, publish(without), publish(m), 0)
}

func TestAnItemAllocatesNothing(t *testing.T) {
	h := newMonitor(health.Config{})
	m := newMediator(t, mediator.Use(h), mediator.HandleStream(numbers))
	run := func(items int) float64 {
		return testing.AllocsPerRun(20, func() {
			for range mediator.Stream(t.Context(), m, upTo{N: items}) {
			}
		})
	}
	require.InDelta(t, run(10), run(100_000), 0)
}
