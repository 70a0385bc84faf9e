package backpressure_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestNonsensePanics(t *testing.T) {
	type (
		config = backpressure.Config
		tuning = backpressure.Tuning
	)
	cases := map[string]config{
		"backpressure: there is no Strategy(8)":                                           {Strategy: backpressure.Throttle + 1},
		"backpressure: Capacity is negative: -1":                                          {Capacity: -1},
		"backpressure: High is 1.5, not a share from 0 to 1":                              {High: 1.5},
		"backpressure: High is -0.1, not a share from 0 to 1":                             {High: -0.1},
		"backpressure: High is NaN, not a share from 0 to 1":                              {High: math.NaN()},
		"backpressure: Low is 2, not a share from 0 to 1":                                 {Low: 2},
		"backpressure: Low is 0.9, more than High, which is 0.8":                          {Low: 0.9},
		"backpressure: Low is 0.7, more than High, which is 0.6":                          {Low: 0.7, High: 0.6},
		"backpressure: SampleEvery is negative: -2":                                       {SampleEvery: -2},
		"backpressure: MaxDelay is negative: -1s":                                         {MaxDelay: -time.Second},
		"backpressure: Tuning.Interval is -1":                                             {Tuning: tuning{Interval: -1}},
		"backpressure: Tuning.MinPace is NaN":                                             {Tuning: tuning{MinPace: math.NaN()}},
		"backpressure: Tuning.MaxPace is +Inf":                                            {Tuning: tuning{MaxPace: math.Inf(1)}},
		"backpressure: Tuning.MaxCapacity is -1":                                          {Tuning: tuning{MaxCapacity: -1}},
		"backpressure: Tuning.MinSample is 5, more than Tuning.MaxSample, which is 4":     {Tuning: tuning{MinSample: 5, MaxSample: 4}},
		"backpressure: Tuning.MinPace is 5, more than Tuning.MaxPace, which is 2.5":       {Tuning: tuning{MinPace: 5, MaxPace: 2.5}},
		"backpressure: Tuning.MinCapacity is 5, more than Tuning.MaxCapacity, which is 4": {Tuning: tuning{MinCapacity: 5, MaxCapacity: 4}},
	}
	if math.MaxInt > math.MaxInt32 {
		cases[fmt.Sprintf("backpressure: Capacity is %d, more than 2147483647", math.MaxInt)] = config{Capacity: math.MaxInt}
	}
	for want, c := range cases {
		t.Run(want, func(t *testing.T) {
			require.PanicsWithValue(t, want, func() { backpressure.New(c) })
		})
	}
}

// TestPresets has the values of the presets, and each strategy in place of theirs.
func TestPresets(t *testing.T) {
	type config = backpressure.Config
	for name, c := range map[string]struct{ got, want config }{
		"NoDataLoss":        {backpressure.NoDataLoss(), config{Strategy: backpressure.Throttle, Capacity: 50_000, High: .9, Low: .3, MaxDelay: 5 * time.Second}},
		"HighThroughput":    {backpressure.HighThroughput(), config{Strategy: backpressure.DropOldest, Capacity: 10_000, High: .7, Low: .3}},
		"MemoryConstrained": {backpressure.MemoryConstrained(), config{Strategy: backpressure.Sample, Capacity: 1000, High: .5, Low: .2, SampleEvery: 2}},
		"RealTime":          {backpressure.RealTime(), config{Strategy: backpressure.DropOldest, Capacity: 5000, High: .6, Low: .2}},
		"Analytics":         {backpressure.Analytics(), config{Strategy: backpressure.Sample, Capacity: 25_000, High: .8, Low: .4, SampleEvery: 10, Adaptive: true}},
		"Balanced":          {backpressure.Balanced(), config{Strategy: backpressure.Buffer, Capacity: 10_000, High: .8, Low: .5}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.got)
			for s := backpressure.Buffer; s <= backpressure.Throttle; s++ {
				c.got.Strategy = s
				m, k := bounded(t, c.got, countUp)
				got, last := 0, -1
				for i, err := range mediator.Stream(t.Context(), m, count{N: 400}) {
					require.NoError(t, err)
					require.Greater(t, i, last)
					got, last = got+1, i
				}
				require.Equal(t, 399, last)
				if s != backpressure.Latest {
					require.Equal(t, 400, got, "less than what means pressure in any of them")
				}
				require.EqualValues(t, got, k.Snapshot().Delivered)
				requireExact(t, k.Snapshot())
			}
		})
	}
}

func TestStrategyNames(t *testing.T) {
	require.Equal(t, "Buffer", backpressure.Strategy(0).String())
	require.Equal(t, "Throttle", backpressure.Throttle.String())
	require.Equal(t, "Strategy(99)", backpressure.Strategy(99).String())
}

// TestSnapshotAsJSON has what a console is given.
func TestSnapshotAsJSON(t *testing.T) {
	m, k := bounded(t, backpressure.Config{Strategy: backpressure.Throttle, Capacity: 8}, countUp)
	for _, err := range mediator.Stream(t.Context(), m, count{N: 3}) {
		require.NoError(t, err)
		text, err := json.Marshal(k.Snapshot())
		require.NoError(t, err)
		require.Contains(t, string(text), `"strategy":"Throttle","started":1,"pressures":0,"runs":[{"produced":`)
		require.Contains(t, string(text), `"name":"backpressure_test.count","capacity":8,"pressure":false,"pressures":0,"sampleEvery":1,"pace":0}]`)
	}
	text, err := json.Marshal(k.Snapshot().Counts)
	require.NoError(t, err)
	require.JSONEq(t, `{"produced":3,"delivered":3,"dropped":0,"sampledOut":0,"abandoned":0,"queued":0}`, string(text))
}

func TestOf(t *testing.T) {
	b := backpressure.New(backpressure.Config{})
	require.Same(t, b, backpressure.Of(b))
	require.Same(t, b, backpressure.Of(behaviors.When(func(mediator.Call) bool { return true }, b)))
	require.Nil(t, backpressure.Of(nil))
	require.Nil(t, backpressure.Of(behaviors.Recover()))
	require.Nil(t, backpressure.Of(behaviors.When(func(mediator.Call) bool { return true }, behaviors.Recover())))
	require.Equal(t, "Backpressure", b.(mediator.BehaviorNamer).BehaviorName())
}
