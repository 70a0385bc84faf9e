package console_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/health"
)

// stepped runs a stream whose consumer is slow, until ctx ends.
func stepped(ctx context.Context, t *testing.T, m *mediator.Mediator) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, err := range mediator.Stream(ctx, m, count{To: 1000}) {
			if err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { <-done })
}

func TestStreamsOfAMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		monitor := health.New(health.Config{Sources: []health.Source{health.SourceFunc(func() iter.Seq2[string, error] {
			return func(yield func(string, error) bool) { yield("database", errors.New("no route to host")) }
		})}})
		m := newMediator(t, mediator.HandleStream(handleCount,
			mediator.Use(monitor, backpressure.New(backpressure.Config{Strategy: backpressure.DropOldest, Capacity: 50}))))
		p := open(t, console.Handler(m))
		wired := next[wiring](t, p, "wiring")
		require.True(t, wired.Monitor)
		before := next[sample](t, p, "sample")
		require.Empty(t, before.Streams.Running)
		require.NotContains(t, before.Readings, wired.Routes[0].Behaviors[0].ID, "they are of all that the monitor watches, not of the handler")
		ctx, stop := context.WithCancel(t.Context())
		stepped(ctx, t, m)
		next[sample](t, p, "sample")
		s := next[sample](t, p, "sample").Streams
		require.Len(t, s.Running, 1)
		run := s.Running[0]
		require.Equal(t, "console_test.count", run.Name)
		require.NotEmpty(t, run.Status)
		require.True(t, run.Queued)
		require.Equal(t, 50, run.Capacity)
		require.Positive(t, run.Dropped)
		require.Positive(t, run.Items)
		require.NotNil(t, run.Rate)
		require.Equal(t, "warning", s.Status, "by the component")
		require.Len(t, s.Components, 1)
		require.Equal(t, "database", s.Components[0].Name)
		require.Equal(t, "no route to host", s.Components[0].Error)
		stop()
	})
}

func TestStreamsOfABoundary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, mediator.HandleStream(handleCount, mediator.Use(backpressure.New(backpressure.Config{Capacity: 20}))))
		p := open(t, console.Handler(m))
		next[sample](t, p, "sample")
		ctx, stop := context.WithCancel(t.Context())
		stepped(ctx, t, m)
		require.Nil(t, next[sample](t, p, "sample").Streams.Running[0].Rate, "it has just begun")
		run := next[sample](t, p, "sample").Streams.Running[0]
		require.InDelta(t, 10, *run.Rate, 1.5)
		require.Empty(t, run.Status, "nobody watches it")
		require.True(t, run.Queued)
		require.Equal(t, 20, run.Capacity)
		require.InDelta(t, 20, run.Depth, 10)
		stop()
	})
}

func TestTheMonitorOfTheOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		monitor := health.New(health.Config{})
		inner := newMediator(t, mediator.HandleStream(handleCount, mediator.Use(monitor)))
		m := newMediator(t, mediator.HandleStream(handleCount, mediator.Use(health.New(health.Config{}))))
		p := open(t, console.Handler(m, console.Health(monitor)))
		ctx, stop := context.WithCancel(t.Context())
		stepped(ctx, t, inner)
		synctest.Wait()
		next[sample](t, p, "sample")
		require.Len(t, next[sample](t, p, "sample").Streams.Running, 1)
		stop()
	})
}
