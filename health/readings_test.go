package health_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

func TestARecorderShowsTheStatusAndTheStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := behaviors.NewRecorder()
		h := newMonitor(health.Config{Interval: time.Second, Stall: 10 * time.Second})
		m := newMediator(t, feeds(recorder, h))
		shown := func(status health.Status, healthy, unhealthy float64) {
			t.Helper()
			streams := func(of health.Status, n float64) mediator.Reading {
				return mediator.Reading{Behavior: "health", Scope: of.String(), Name: "streams", Value: n, Gauge: true}
			}
			require.Equal(t, []mediator.Reading{
				{Behavior: "health", Name: "status", Value: float64(status), State: status.String(), Gauge: true},
				streams(health.Healthy, healthy), streams(health.Warning, 0), streams(health.Unhealthy, unhealthy), streams(health.Failed, 0),
			}, recorder.Snapshot().Readings)
			require.Equal(t, status, h.Snapshot().Status)
		}
		shown(health.Healthy, 0, 0)
		endBusy, endSilent := consume(t, m, every(100*time.Millisecond, 1000)), consume(t, m, silent(1))
		time.Sleep(time.Second)
		shown(health.Healthy, 2, 0)
		time.Sleep(20 * time.Second)
		shown(health.Unhealthy, 1, 1)
		require.NoError(t, endSilent())
		require.NoError(t, endBusy())
		time.Sleep(10 * time.Second)
		shown(health.Healthy, 0, 0)
	})
}

// A Monitor shows what others tell it. What it shows itself is no concern of its own.
func TestAMonitorDoesNotCollectItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		other := newMonitor(health.Config{Checks: []health.Check{{Name: "disk", Func: func(context.Context) error { return down }}}})
		h := newMonitor(health.Config{})
		breaker := behaviors.CircuitBreaker(behaviors.BreakerConfig{})
		breaker.Isolate("feed")
		newMediator(t, feeds(other, h, breaker))
		for range 2 {
			status, _ := get(other.Handler(), "/readyz")
			require.Equal(t, 503, status)
		}
		require.Equal(t, []string{"feed"}, components(h))
		require.Equal(t, []string{"disk", "feed"}, components(other))
		for r := range h.Readings() {
			require.Equal(t, health.Warning.String(), r.State)
			break // nobody wants more
		}
	})
}

func components(h *health.Monitor) (names []string) {
	for _, c := range h.Snapshot().Components {
		names = append(names, c.Name)
	}
	return names
}
