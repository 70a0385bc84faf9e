package deadletter_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func noop(ctx context.Context, c mediator.Call, next mediator.Next) error { return next(ctx, c) }

func BenchmarkSuccess(b *testing.B) {
	for name, behavior := range map[string]mediator.Behavior{
		"no-op": mediator.Around(noop), "deadletter": deadletter.Behavior(deadletter.NewMemory()),
	} {
		b.Run(name, func(b *testing.B) {
			m := newMediator(b, mediator.Use(behavior), mediator.Handle(func(context.Context, Charge) (Receipt, error) { return Receipt{}, nil }))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = mediator.Send(b.Context(), m, Charge{})
			}
		})
	}
}

func BenchmarkFailure(b *testing.B) {
	m := newMediator(b, mediator.Use(deadletter.Behavior(deadletter.NewMemory())), mediator.Handle((&switched{err: errDeclined}).charge))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = mediator.Send(b.Context(), m, Charge{})
	}
}

func TestASuccessAllocatesNothing(t *testing.T) {
	m := newMediator(t, mediator.Use(deadletter.Behavior(deadletter.NewMemory())),
		mediator.Handle(func(context.Context, Charge) (Receipt, error) { return Receipt{}, nil }))
	send := func() { _, _ = mediator.Send(t.Context(), m, Charge{}) }
	send()
	require.Less(t, testing.AllocsPerRun(1000, send), 0.5, "the race detector empties pools at random")
}
