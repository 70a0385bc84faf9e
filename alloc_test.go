//go:build !race

package mediator_test

// The race detector has sync.Pool drop some of what it is given.

import (
	"context"
	"slices"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

func TestSendDoesNotAllocate(t *testing.T) {
	for name, bs := range map[string][]mediator.Behavior{
		"no behavior": nil, "1": noops(1), "5": noops(5),
		"1 that keeps no Call": {scopedNoop{}}, "5 that keep no Call": slices.Repeat([]mediator.Behavior{scopedNoop{}}, 5),
	} {
		m := newMediator(t, mediator.Use(bs...), mediator.Handle((&shop{}).Place))
		ctx, q := t.Context(), place{SKU: "x", Qty: 3, Price: 4}
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if _, err := mediator.Send(ctx, m, q); err != nil {
				t.Fatal(err)
			}
		}), name)
	}
}

func TestPublishDoesNotAllocate(t *testing.T) {
	for _, k := range []int{0, 1, 10} {
		for _, b := range []int{0, 3} {
			opts := []mediator.Option{mediator.Use(noops(b)...)}
			for range k {
				opts = append(opts, mediator.Subscribe(func(context.Context, tick) error { return nil }))
			}
			m := newMediator(t, opts...)
			ctx, n := t.Context(), tick{A: 1}
			require.Zero(t, testing.AllocsPerRun(1000, func() {
				if err := mediator.Publish(ctx, m, n); err != nil {
					t.Fatal(err)
				}
			}), "%d handlers, %d behaviors", k, b)
		}
	}
}

// Neither the relay's type nor another beside it.
func TestPublishWithARelayDoesNotAllocate(t *testing.T) {
	for _, b := range []int{0, 3} {
		m := newMediator(t, mediator.Use(noops(b)...),
			mediator.Relay(func(context.Context, created) error { return nil }),
			mediator.Subscribe(func(context.Context, created) error { return errBoom }),
			mediator.Subscribe(func(context.Context, tick) error { return nil }))
		ctx := t.Context()
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if err := mediator.Publish(ctx, m, created{ID: "1"}); err != nil {
				t.Fatal(err)
			}
			if err := mediator.Publish(ctx, m, tick{A: 1}); err != nil {
				t.Fatal(err)
			}
		}), "%d behaviors", b)
	}
}

func TestStreamDoesNotAllocateAnItem(t *testing.T) {
	for _, n := range []int{0, 1, 5} {
		m := newMediator(t, mediator.Use(noops(n)...), mediator.HandleStream(counting))
		run := func(items int) float64 {
			return testing.AllocsPerRun(20, func() {
				for _, err := range mediator.Stream(t.Context(), m, count{N: items}) {
					if err != nil {
						t.Fatal(err)
					}
				}
			})
		}
		require.InDelta(t, run(1), run(10_000), 1, "%d behaviors", n)
	}
}
