package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// mix runs scenarios one after the other on several goroutines, until the time is up.
func mix(ctx context.Context, c config, f *findings, out io.Writer) {
	goroutines := resting()
	ctx, cancel := context.WithTimeout(ctx, c.mix)
	defer cancel()
	var scenarios, items atomic.Int64
	// Memory settles while the first scenarios run, and must not grow from then on.
	var early atomic.Uint64
	warm := time.AfterFunc(c.mix/4, func() { early.Store(live()) })
	defer warm.Stop()
	var all sync.WaitGroup
	for w := range c.workers {
		all.Go(func() {
			for n := uint64(0); ctx.Err() == nil; n++ {
				// Each can be run again by itself.
				r := rand.New(rand.NewPCG(c.seed, uint64(w)<<40|n))
				s := newScenario(r, fmt.Sprintf("mix: seed %d, worker %d, scenario %d", c.seed, w, n))
				items.Add(int64(s.run(f)))
				scenarios.Add(1)
			}
		})
	}
	all.Wait()
	left := settled(goroutines)
	f.check(left == 0, "mix: %d goroutines more than before, which were %d", left, goroutines)
	from, to := early.Load(), live()
	f.check(from == 0 || to <= from+from/4+8*mib, "mix: from %.1f MiB to %.1f MiB", float64(from)/mib, float64(to)/mib)
	fmt.Fprintf(out, "mix of %v, seed %d: %d scenarios, %d items, %d goroutines left, %.1f MiB early and %.1f MiB at the end\n",
		c.mix, c.seed, scenarios.Load(), items.Load(), left, float64(from)/mib, float64(to)/mib)
}
