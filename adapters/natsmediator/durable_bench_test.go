package natsmediator_test

import (
	"path/filepath"
	"runtime"
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
