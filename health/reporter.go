package health

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// Reporter is told every [Config].Interval how all streams are doing, and once more
// after the last has ended. Each Reporter is called on a goroutine of its own, one
// report at a time: while it is at one, only the latest of those that follow is
// kept for it, see [Report].Skipped. So one that blocks, panics or calls
// [runtime.Goexit] harms neither a stream nor the Monitor nor other reporters. It
// must not change the slices of the Report, which others are given too.
type Reporter interface {
	Report(r Report)
}

// ReporterFunc is a function that is a [Reporter].
type ReporterFunc func(r Report)

// Report calls f.
func (f ReporterFunc) Report(r Report) { f(r) }

// lane is the way to one Reporter. It has a goroutine while there is something to
// report.
type lane struct {
	monitor *Monitor
	to      Reporter

	mu      sync.Mutex
	busy    bool
	waiting *Report
	skipped uint64
}

// maxCarried bounds what skipped reports leave to the next one.
const maxCarried = 1000

// send hands r over, and does not wait.
func (l *lane) send(r Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting; w != nil {
		l.skipped++
		r.Ended = carry(w.Ended, r.Ended)
		r.Adjustments = carry(w.Adjustments, r.Adjustments)
		r.problems = carry(w.problems, r.problems)
	}
	l.waiting = &r
	if !l.busy {
		l.busy = true
		go l.run()
	}
}

func carry[T any](before, now []T) []T {
	all := slices.Concat(before, now)
	return all[max(0, len(all)-maxCarried):]
}

func (l *lane) skippedSoFar() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.skipped
}

// run reports what is waiting, and ends.
func (l *lane) run() {
	returned := false
	defer func() {
		if !returned { // Goexit
			go l.run()
		}
	}()
	for {
		l.mu.Lock()
		r := l.waiting
		l.waiting = nil
		if r == nil {
			l.busy = false
			l.mu.Unlock()
			break
		}
		r.Skipped = l.skipped
		l.mu.Unlock()
		l.report(*r)
	}
	returned = true
}

func (l *lane) report(r Report) {
	if l != l.monitor.notices {
		l.monitor.guarded("a reporter", func() { l.to.Report(r) })
		return
	}
	defer func() {
		if recover() != nil { // the log itself, which can be told to nobody
			l.monitor.panics.Add(1)
		}
	}()
	l.to.Report(r)
}

// notice is the Monitor's own reporter, to the log.
func (m *Monitor) notice(r Report) {
	for _, a := range r.Adjustments {
		m.logger().LogAttrs(context.Background(), slog.LevelWarn, "stream adjusted",
			slog.String("stream", a.Stream), slog.Uint64("id", a.StreamID), slog.String("action", a.Action.String()),
			slog.Int("queue", a.Queue), slog.Float64("from", a.From), slog.Float64("to", a.To),
			slog.String("why", a.Why), slog.Bool("undo", a.Undo))
	}
	for _, problem := range r.problems {
		m.logger().LogAttrs(context.Background(), slog.LevelError, "health: "+problem)
	}
}
