package health_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

func TestFault8StallFiresWithoutItems(t *testing.T) {
	for name, items := range map[string]int{"none at all": 0, "none after the first": 1, "none after a thousand at once": 1000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newMonitor(health.RealTime())
				m := newMediator(t, feeds(h))
				end := consume(t, m, silent(items))
				time.Sleep(4900 * time.Millisecond)
				require.False(t, one(t, h.Snapshot()).Has(health.Stalled), "too early")
				time.Sleep(500 * time.Millisecond)
				s := one(t, h.Snapshot())
				require.Equal(t, health.Unhealthy, s.Status)
				require.Contains(t, reasons(s.Findings), health.Stalled)
				require.NoError(t, end())
			})
		})
	}
}

// Each threshold is seen to make the difference: with the option the finding is
// there, with a laxer value it is not.
func TestFault8ThresholdsAreRead(t *testing.T) {
	slowly := every(100*time.Millisecond, 1000) // 10 items per second
	faulty := func(ctx context.Context, yield func(int, error) bool) {
		for i := range 1000 {
			if i%10 == 0 {
				health.NoteError(ctx, errors.New("malformed"))
			}
			if !sleep(ctx, 10*time.Millisecond) || !yield(i, nil) {
				return
			}
		}
	}
	slowing := func(ctx context.Context, yield func(int, error) bool) {
		every(10*time.Millisecond, 2000)(ctx, yield)
		every(50*time.Millisecond, 1000)(ctx, yield)
	}
	dropping := func(ctx context.Context, yield func(int, error) bool) {
		every(10*time.Millisecond, 2000)(ctx, yield)
	}
	for name, c := range map[string]struct {
		strict, lax health.Config
		run         func(ctx context.Context, yield func(int, error) bool)
		after       time.Duration
		growth      uint64
		inner       mediator.Behavior
		want        health.Reason
		status      health.Status
	}{
		"Stall": {
			strict: health.Config{Stall: 2 * time.Second}, lax: health.Config{Stall: 4 * time.Second},
			run: silent(1), after: 3 * time.Second, want: health.Stalled, status: health.Unhealthy},
		"Stall, none": {
			strict: health.Config{}, lax: health.Config{Stall: -1},
			run: silent(1), after: time.Minute, want: health.Stalled, status: health.Unhealthy},
		"MinRate": {
			strict: health.Config{MinRate: 11}, lax: health.Config{MinRate: 9},
			run: slowly, after: 20 * time.Second, want: health.LowThroughput, status: health.Warning},
		"Window": {
			strict: health.Config{MinRate: 15, Window: time.Second}, lax: health.Config{MinRate: 15, Window: 30 * time.Second},
			run: slowly, after: 20 * time.Second, want: health.LowThroughput, status: health.Warning},
		"MaxGrowth": {
			strict: health.Config{MaxGrowth: 4 << 20}, lax: health.Config{MaxGrowth: 6 << 20},
			run: slowly, after: 2 * time.Second, growth: 5 << 20, want: health.HighMemory, status: health.Warning},
		"MaxGrowth, none": {
			strict: health.Config{MaxGrowth: 2 << 20}, lax: health.Config{MaxGrowth: -1},
			run: slowly, after: 2 * time.Second, growth: 5 << 20, want: health.HighMemory, status: health.Warning},
		"MaxErrorRate": {
			strict: health.Config{MaxErrorRate: 0.05}, lax: health.Config{MaxErrorRate: 0.2},
			run: faulty, after: 5 * time.Second, want: health.HighErrorRate, status: health.Unhealthy},
		"MaxErrorRate, none": {
			strict: health.Config{}, lax: health.Config{MaxErrorRate: -1},
			run: faulty, after: 5 * time.Second, want: health.HighErrorRate, status: health.Unhealthy},
		"Degraded": {
			strict: health.Config{Degraded: 0.5}, lax: health.Config{Degraded: 0.1},
			run: slowing, after: 28 * time.Second, want: health.Degradation, status: health.Warning},
		"Degraded, none": {
			strict: health.Config{}, lax: health.Config{Degraded: -1},
			run: slowing, after: 28 * time.Second, want: health.Degradation, status: health.Warning},
		"MaxDropRate": {
			strict: health.Config{MaxDropRate: 0.3}, lax: health.Config{MaxDropRate: 0.8},
			run: dropping, after: 5 * time.Second, inner: dropHalf(), want: health.Exhaustion, status: health.Warning},
		"MaxDropRate, none": {
			strict: health.Config{}, lax: health.Config{MaxDropRate: -1},
			run: dropping, after: 5 * time.Second, inner: dropHalf(), want: health.Exhaustion, status: health.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			found := func(config health.Config) (s health.Stream) {
				synctest.Test(t, func(t *testing.T) {
					var memory atomic.Uint64
					config.Memory = memory.Load
					h := newMonitor(config)
					bs := []mediator.Behavior{h}
					if c.inner != nil {
						bs = append(bs, c.inner)
					}
					m := newMediator(t, feeds(bs...))
					end := consume(t, m, c.run)
					synctest.Wait()
					memory.Add(c.growth)
					time.Sleep(c.after)
					synctest.Wait()
					s = one(t, h.Snapshot())
					require.NoError(t, end())
				})
				return s
			}
			s := found(c.strict)
			require.Equal(t, []health.Reason{c.want}, reasons(s.Findings))
			require.Equal(t, c.status, s.Status)
			require.Empty(t, found(c.lax).Findings)
		})
	}
}

// dropHalf is a boundary that drops each second item.
func dropHalf() mediator.Behavior {
	return mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		n := 0
		return mediator.NewQueue(mediator.QueueConfig{Capacity: 8, Admit: func(*mediator.Queue) mediator.Verdict {
			if n++; n%2 == 0 {
				return mediator.Drop
			}
			return mediator.Enqueue
		}}).Run(ctx, c, next)
	})
}
