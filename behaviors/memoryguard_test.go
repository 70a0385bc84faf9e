package behaviors_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

func TestMemoryGuardRefusesAtTheLimitAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used uint64 = 99
		exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{
			Limit: 100, Delay: -1, Sample: time.Second, Usage: func() uint64 { return used }}))
		require.NoError(t, exec(t.Context(), succeed))
		used = 100
		time.Sleep(time.Second)
		err := exec(t.Context(), func(context.Context) error { t.Error("ran"); return nil })
		require.ErrorIs(t, err, behaviors.ErrMemory)
		var refused *behaviors.MemoryError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, uint64(100), refused.Used)
		require.Equal(t, time.Second, refused.RetryAfter())
		used = 99
		time.Sleep(refused.RetryAfter())
		require.NoError(t, exec(t.Context(), succeed))
	})
}

func TestMemoryGuardSlowsNearTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used uint64
		exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{
			Limit: 1000, High: 0.5, Delay: time.Second, Sample: 1, Growth: 1 << 62, Usage: func() uint64 { return used }}))
		for u, want := range map[uint64]time.Duration{0: 0, 499: 0, 500: 0, 600: 200 * time.Millisecond, 750: 500 * time.Millisecond, 999: 998 * time.Millisecond} {
			time.Sleep(1 * time.Nanosecond)
			used = u
			begun := time.Now()
			require.NoError(t, exec(t.Context(), succeed))
			require.Equal(t, want, time.Since(begun))
		}
		used = 999
		time.Sleep(1 * time.Nanosecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, exec(ctx, func(context.Context) error { t.Error("ran"); return nil }), context.DeadlineExceeded)
		require.ErrorIs(t, exec(ctx, func(context.Context) error { t.Error("ran"); return nil }), context.DeadlineExceeded)
	})
}

func TestMemoryGuardSlowsFastGrowth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used uint64
		exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{
			Limit: 1000, Growth: 10, Interval: 10 * time.Second, Delay: time.Second, Usage: func() uint64 { return used }}))
		took := func() time.Duration {
			begun := time.Now()
			require.NoError(t, exec(t.Context(), succeed))
			return time.Since(begun)
		}
		require.Zero(t, took())
		used = 100
		time.Sleep(10 * time.Second)
		require.Zero(t, took(), "no more than Growth")
		used = 400
		time.Sleep(10 * time.Second)
		require.Zero(t, took(), "the limit is more than an interval away")
		used = 700
		time.Sleep(10 * time.Second)
		require.Equal(t, time.Second, took())
		time.Sleep(10 * time.Second)
		require.Zero(t, took(), "it grows no more")
	})
}

func TestMemoryGuardLeavesModerateGrowthAlone(t *testing.T) {
	for growth, want := range map[uint64]time.Duration{10: 0, 11: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			used := 980 - 10*growth
			exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{
				Limit: 1000, High: 1, Growth: 10, Interval: 10 * time.Second, Delay: time.Second, Usage: func() uint64 { return used }}))
			require.NoError(t, exec(t.Context(), succeed))
			time.Sleep(10 * time.Second)
			used = 980
			begun := time.Now()
			require.NoError(t, exec(t.Context(), succeed))
			require.Equal(t, want, time.Since(begun), "%d bytes a second, and the limit two seconds away", growth)
		})
	}
}

func TestMemoryGuardLooksAtMostOncePerSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		looks := 0
		exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Usage: func() uint64 {
			mu.Lock()
			defer mu.Unlock()
			looks++
			return 0
		}}))
		for range 10 {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() { require.NoError(t, exec(t.Context(), succeed)) })
			}
			wg.Wait()
			time.Sleep(300 * time.Millisecond)
		}
		require.Equal(t, 10, looks)
	})
}

// Who is refused while another looks, past the time to look again, knows of no time
// to wait. That is not 0, which would say that nobody knows.
func TestMemoryGuardTellsWhenToComeBackWhileItLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looking, looked := make(chan struct{}, 1), make(chan struct{})
		exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 100, Sample: time.Second, Usage: func() uint64 {
			looking <- struct{}{}
			<-looked
			return 100
		}}))
		go func() { looked <- struct{}{} }()
		require.ErrorIs(t, exec(t.Context(), succeed), behaviors.ErrMemory)
		<-looking
		time.Sleep(2 * time.Second)
		go func() { _ = exec(t.Context(), succeed) }()
		<-looking
		var refused *behaviors.MemoryError
		require.ErrorAs(t, exec(t.Context(), succeed), &refused)
		require.Equal(t, time.Microsecond, refused.RetryAfter())
		close(looked)
	})
}

func TestMemoryGuardMeasuresAndNeverForcesACollection(t *testing.T) {
	held := make([]byte, 8*mib)
	exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 4 * mib, Sample: time.Hour}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		require.ErrorIs(t, exec(t.Context(), succeed), behaviors.ErrMemory)
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, before.NumForcedGC, after.NumForcedGC)
	require.Len(t, held, 8*mib)

	exec = actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 1 << 50, Sample: 1}))
	require.NoError(t, exec(t.Context(), succeed))
}

// presets of FS.Mediator 9.0
func TestMemoryGuardPresets(t *testing.T) {
	for name, c := range map[string]struct {
		got           behaviors.MemoryGuardConfig
		limit, growth uint64
		interval      time.Duration
	}{
		"MemoryConstrained": {behaviors.MemoryGuardConstrained(), 256, 5, 15 * time.Second},
		"HighPerformance":   {behaviors.MemoryGuardHighPerformance(), 1024, 50, time.Minute},
		"Balanced":          {behaviors.MemoryGuardBalanced(), 512, 10, 30 * time.Second},
		"Development":       {behaviors.MemoryGuardDevelopment(), 2048, 100, 10 * time.Second},
	} {
		require.Equal(t, c.limit*mib, c.got.Limit, name)
		require.Equal(t, c.growth*mib, c.got.Growth, name)
		require.Equal(t, c.interval, c.got.Interval, name)
	}
}

func TestMemoryGuardAllocatesNothing(t *testing.T) {
	requireNoAllocs(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 1 << 50}))
}

func TestMemoryGuardRefusesAConfigurationThatMakesNoSense(t *testing.T) {
	requirePanics(t, "High is 2", func() { behaviors.MemoryGuard(behaviors.MemoryGuardConfig{High: 2}) })
	requirePanics(t, "Sample -1ns", func() { behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Sample: -1}) })
}

func BenchmarkMemoryGuard(b *testing.B) {
	b.Run("noop", func(b *testing.B) { benchSend(b, noop{}) })
	b.Run("guarded", func(b *testing.B) { benchSend(b, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{Limit: 1 << 50})) })
}

// a guard that refused every call stayed at the limit, for nothing was allocated
// that would have had the garbage collected
func TestFoundMemoryGuardDoesNotLatchOnGarbage(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // no collection but those below
	synctest.Test(t, func(t *testing.T) {
		collect, used := false, uint64(100)
		exec := actor(t, behaviors.MemoryGuard(behaviors.MemoryGuardConfig{
			Limit: 100, High: 0.5, Delay: time.Hour, Sample: time.Second, Usage: func() uint64 {
				if collect {
					runtime.GC()
				}
				return used
			}}))
		// letThrough returns how many of some calls ran, after the next look.
		letThrough := func() (n int) {
			time.Sleep(time.Second)
			begun := time.Now()
			for range 5 {
				if err := exec(t.Context(), succeed); err == nil {
					n++
				} else {
					require.ErrorIs(t, err, behaviors.ErrMemory)
				}
			}
			require.Zero(t, time.Since(begun), "nor is it held up")
			return n
		}
		require.Equal(t, 0, letThrough())
		require.Equal(t, 1, letThrough(), "nothing was collected")
		require.Equal(t, 1, letThrough())
		collect = true
		require.Equal(t, 0, letThrough(), "it is no garbage")
		require.Equal(t, 0, letThrough())
		collect = false
		require.Equal(t, 1, letThrough(), "it may be by now")
		used = 10
		require.Equal(t, 5, letThrough())
		used = 100
		require.Equal(t, 0, letThrough())
	})
}
