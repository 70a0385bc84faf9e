package backpressure_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
)

type firstNumbers struct {
	mediator.Yields[int]
	n int
}

func TestReadings(t *testing.T) {
	b := backpressure.New(backpressure.Config{Capacity: 10})
	m, err := mediator.New(mediator.HandleStream(func(_ context.Context, q firstNumbers) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range q.n {
				if !yield(i, nil) {
					return
				}
			}
		}
	}, mediator.Named("numbers"), mediator.Use(b)))
	require.NoError(t, err)
	source := b.(mediator.Source)
	require.Empty(t, slices.Collect(source.Readings()))
	for range 2 {
		for i, err := range mediator.Stream(t.Context(), m, firstNumbers{n: 5}) {
			require.NoError(t, err)
			if i == 0 {
				require.True(t, slices.ContainsFunc(slices.Collect(source.Readings()), func(r mediator.Reading) bool {
					return r.Scope == "numbers" && r.Name == "depth" && r.Gauge && r.Value <= 4
				}))
			}
		}
	}
	require.Equal(t, []mediator.Reading{
		{Scope: "numbers", Name: "items", Value: 10},
		{Scope: "numbers", Name: "deliveries", Value: 10},
		{Scope: "numbers", Name: "drops"},
		{Scope: "numbers", Name: "samplings"},
		{Scope: "numbers", Name: "abandonments"},
		{Scope: "numbers", Name: "depth", Gauge: true},
	}, slices.Collect(source.Readings()))
	for r := range source.Readings() {
		require.Equal(t, "items", r.Name)
		break
	}
}

func TestARunTellsWhetherItDrops(t *testing.T) {
	drops := map[backpressure.Strategy]bool{backpressure.DropNewest: true, backpressure.DropOldest: true, backpressure.Latest: true}
	for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
		var run *backpressure.Run
		m, err := mediator.New(mediator.HandleStream(func(context.Context, firstNumbers) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { yield(1, nil) }
		}, mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
			return next(ctx, c.OnItem(func() { run = c.Queues()[0].Owner().(*backpressure.Run) }))
		}), backpressure.New(backpressure.Config{Strategy: s}))))
		require.NoError(t, err)
		for _, err := range mediator.Stream(t.Context(), m, firstNumbers{}) {
			require.NoError(t, err)
		}
		require.Equal(t, drops[s], run.Drops(), "%v", s)
	}
}
