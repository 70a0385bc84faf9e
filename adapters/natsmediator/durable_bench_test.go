package natsmediator_test

import (
	"context"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

// BenchmarkDurablePublish is what 64 callers get, each waiting for its event to be
// synced: straight into JetStream, and by way of an outbox. relayed/s is how fast
// JetStream gets what the outbox has, from the first event to the last.
func BenchmarkDurablePublish(b *testing.B) {
	const callers = 64
	run := func(b *testing.B, opts ...natsmediator.DurableOption) {
		n, err := natsmediator.Embed(b.TempDir())
		require.NoError(b, err)
		closeLast(b, n.Close)
		m := wired(b, natsmediator.Durable[paid](n, opts...))
		b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := mediator.Publish(b.Context(), m, paid{7}); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
	b.Run("straight", func(b *testing.B) { run(b) })
	b.Run("outbox", func(b *testing.B) {
		file, err := boltmediator.Open(filepath.Join(b.TempDir(), "outbox.db"))
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, file.Close()) })
		begin := time.Now()
		run(b, natsmediator.Outbox(file))
		o := file.Outbox(paidStream)
		require.Eventually(b, func() bool { return o.Depth() == 0 }, 5*time.Minute, time.Millisecond)
		b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "relayed/s")
	})
}

// BenchmarkDurableHandle is how many events one group of one process handles, by an
// empty handler, from the first to the last acknowledgement.
func BenchmarkDurableHandle(b *testing.B) {
	b.Run("unordered", func(b *testing.B) {
		handle(b, func(i int) paid { return paid{i} })
	})
	b.Run("8 partitions", func(b *testing.B) {
		handle(b, func(i int) moved { return moved{Account: strconv.Itoa(i), N: i} })
	})
}

func handle[N any](b *testing.B, event func(i int) N) {
	n, err := natsmediator.Embed(b.TempDir(), natsmediator.ServerOptions(noSync))
	require.NoError(b, err)
	closeLast(b, n.Close)
	publisher := wired(b, natsmediator.Durable[N](n))
	for i := range b.N {
		require.NoError(b, mediator.Publish(b.Context(), publisher, event(i)))
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	b.ReportAllocs()
	b.ResetTimer()
	wired(b, natsmediator.Durable[N](n), mediator.Subscribe(func(context.Context, N) error {
		if left.Add(-1) == 0 {
			close(done)
		}
		return nil
	}, mediator.Group("g")))
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
