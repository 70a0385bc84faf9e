package behaviors_test

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestSnapshotIsConsistentWhileCallsRun(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r), mediator.Handle(func(_ context.Context, q ask) (int, error) {
		if q.N%2 == 0 {
			return 0, io.EOF
		}
		return 0, nil
	}))
	var sent atomic.Uint64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	halt := sync.OnceFunc(func() { close(stop); wg.Wait() })
	defer halt()
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				_, err := mediator.Send(t.Context(), m, ask{N: n})
				if (err != nil) != (n%2 == 0) {
					t.Errorf("call %d: %v", n, err)
				}
				sent.Add(1)
			}
		})
	}
	var last behaviors.MessageStats
	for range 2000 {
		now := r.Snapshot().Total()
		var ended uint64
		for _, e := range behaviors.Endings() {
			require.GreaterOrEqual(t, now.Count(e), last.Count(e), "%v does not fall", e)
			ended += now.Count(e)
		}
		require.Equal(t, now.Ended(), ended)
		require.Equal(t, now.Latency().Count(), ended)
		require.LessOrEqual(t, ended, now.Started, "what has ended has begun")
		require.Equal(t, now.Started-ended, now.InFlight)
		require.GreaterOrEqual(t, now.Started, last.Started)
		last = now
	}
	halt()
	last = r.Snapshot().Total()
	require.Equal(t, sent.Load(), last.Ended())
	require.Equal(t, sent.Load(), last.Count(behaviors.Failed)+last.Count(behaviors.Succeeded))
	require.Zero(t, last.InFlight)
}

func TestSnapshotSubGivesThePresentRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := behaviors.NewRecorder()
		m := newMediator(t, mediator.Use(r), askFor(func(context.Context) error { time.Sleep(10 * time.Millisecond); return nil }),
			mediator.HandleStream(numbers, mediator.Named("numbers")))
		_, _ = mediator.Send(t.Context(), m, ask{})
		time.Sleep(time.Hour)
		earlier := r.Snapshot()
		for range 100 {
			_, _ = mediator.Send(t.Context(), m, ask{})
		}
		for range mediator.Stream(t.Context(), m, upTo{N: 50}) {
		}
		since := r.Snapshot().Sub(earlier)
		require.Equal(t, time.Second, since.Elapsed)
		got := since.Message("ask")
		require.EqualValues(t, 100, got.Ended())
		require.EqualValues(t, 100, got.Started)
		require.InDelta(t, 100, got.Rate(), 1e-9)
		require.InDelta(t, 50, since.Message("numbers").ItemRate(), 1e-9)
		require.EqualValues(t, 100, got.Latency().Count())
		require.EqualValues(t, 101, r.Snapshot().Message("ask").Ended())
	})
}

func TestSnapshotOfNothing(t *testing.T) {
	var s behaviors.Snapshot
	require.Zero(t, s.Total().Rate())
	require.Zero(t, s.Sub(s).Total().Started)
	require.Zero(t, behaviors.MessageStats{}.Count(behaviors.Ending(200)))
	require.Equal(t, "Ending(200)", behaviors.Ending(200).String())
	require.Empty(t, behaviors.NewRecorder().Snapshot().Entries)
}

// figures is a Source.
type figures struct{ all []behaviors.Reading }

func (f *figures) Readings() iter.Seq[behaviors.Reading] { return slices.Values(f.all) }

func (f *figures) BehaviorName() string { return "Figures" }

func (f *figures) Wrap(next mediator.Next) mediator.Next { return next }

func TestSnapshotShowsSourcesThatAreWatched(t *testing.T) {
	r := behaviors.NewRecorder()
	f := &figures{all: []behaviors.Reading{{Name: "retries", Scope: "a", Value: 3}, {Behavior: "queue", Name: "depth", Value: 7, Gauge: true}}}
	r.Watch(f)
	r.Watch(f)
	earlier := r.Snapshot()
	require.Equal(t, []behaviors.Reading{
		{Behavior: "figures", Name: "retries", Scope: "a", Value: 3},
		{Behavior: "queue", Name: "depth", Value: 7, Gauge: true},
	}, earlier.Readings)
	f.all = []behaviors.Reading{{Name: "retries", Scope: "a", Value: 5}, {Behavior: "queue", Name: "depth", Value: 2, Gauge: true}}
	since := r.Snapshot().Sub(earlier)
	require.InDelta(t, 2, since.Readings[0].Value, 0)
	require.InDelta(t, 2, since.Readings[1].Value, 0, "what may fall is not subtracted")
}

func TestRecorderWatchesTheBehaviorsBesideIt(t *testing.T) {
	r := behaviors.NewRecorder()
	f, hidden := &figures{all: []behaviors.Reading{{Name: "a"}}}, &figures{all: []behaviors.Reading{{Name: "b"}}}
	newMediator(t, mediator.Use(f, r, behaviors.When(behaviors.IsKind(mediator.KindRequest), hidden)), askFor(func(context.Context) error { return nil }))
	require.Equal(t, []behaviors.Reading{{Behavior: "figures", Name: "a"}, {Behavior: "figures", Name: "b"}}, r.Snapshot().Readings)
}

func TestRecorderIsBoundedInTheNumberOfSources(t *testing.T) {
	r := behaviors.NewRecorder(behaviors.RecorderConfig{MaxNames: 2})
	for range 5 {
		r.Watch(&figures{all: []behaviors.Reading{{Name: "x", Value: rand.Float64()}}})
	}
	require.Len(t, r.Snapshot().Readings, 2)
	require.Equal(t, 3, r.Snapshot().Unwatched)
}

func TestSnapshotAsJSON(t *testing.T) {
	r := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(r), askFor(func(context.Context) error { return io.EOF }))
	_, _ = mediator.Send(t.Context(), m, ask{})
	text, err := json.Marshal(r.Snapshot().Entries[0])
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, "ask", got["name"])
	require.Equal(t, "request", got["kind"])
	require.Equal(t, map[string]any{"failed": 1.0}, got["outcomes"])
	require.InDelta(t, 1, got["latency"].(map[string]any)["count"], 0)
}
