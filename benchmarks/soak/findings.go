package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// findings are the checks that failed.
type findings struct {
	mu    sync.Mutex
	n     int
	first []string
}

// shown is how many findings are printed.
const shown = 20

func (f *findings) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n <= shown {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

// check adds a finding unless ok.
func (f *findings) check(ok bool, format string, args ...any) {
	if !ok {
		f.add(format, args...)
	}
}

// verdict prints what was found, and returns the exit code.
func (f *findings) verdict(out io.Writer, took time.Duration) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.first {
		fmt.Fprintln(out, "FAILED:", one)
	}
	if f.n > 0 {
		fmt.Fprintf(out, "verdict: %d checks failed in %v\n", f.n, took.Round(time.Millisecond))
		return 1
	}
	fmt.Fprintf(out, "verdict: all is well, after %v\n", took.Round(time.Millisecond))
	return 0
}

const mib = 1 << 20

// live is the number of bytes in objects that are still in use.
func live() uint64 {
	// What finalizers and pools hold on to is gone after the second.
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// peak is the most memory seen since it was started.
type peak struct {
	stop chan struct{}
	most chan uint64
}

// watchPeak looks at the memory from now on. The caller must call end.
func watchPeak() peak {
	p := peak{make(chan struct{}), make(chan uint64)}
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		most := uint64(0)
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-ticker.C:
			case <-p.stop:
				p.most <- most
				return
			}
		}
	}()
	return p
}

// end returns the most bytes in objects at once, garbage included.
func (p peak) end() uint64 {
	close(p.stop)
	return <-p.most
}

// resting is the number of goroutines once none has ended for a while: one that
// is just ending would hide one that is left later.
func resting() int {
	least := runtime.NumGoroutine()
	for quiet := 0; quiet < 5; quiet++ {
		time.Sleep(10 * time.Millisecond)
		if n := runtime.NumGoroutine(); n < least {
			least, quiet = n, 0
		}
	}
	return least
}

// settled waits until no more goroutines run than before, for ten seconds at the
// most, and returns how many more there are.
func settled(before int) int {
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return 0
		}
	}
	return max(runtime.NumGoroutine()-before, 0)
}
