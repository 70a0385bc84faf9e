package natsmediator

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// troubleInterval is how often the log is told of what goes on failing.
const troubleInterval = time.Minute

// trouble is something that is tried until it succeeds. The log gets a line when it
// begins to fail, but no more than one a minute, while it goes on or comes and goes; and
// one when a failure that was told is over. The zero value is ready; it is used
// concurrently.
type trouble struct {
	patience time.Duration // what is over sooner is not told

	failing atomic.Bool // what goes well looks at no more than this

	mu       sync.Mutex
	since    time.Time
	failures int
	told     bool      // of these failures
	last     time.Time // a line was written
}

// failed notes one failure.
func (t *trouble) failed(log *slog.Logger, level slog.Level, what string, err error, args ...any) {
	if count, lasts, due := t.note(); due {
		log.Log(context.Background(), level, "natsmediator: "+what, append(args, "error", err, "failures", count, "for", lasts)...)
	}
}

func (t *trouble) note() (count int, lasts time.Duration, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.failures == 0 {
		t.since = now
		t.failing.Store(true)
	}
	t.failures++
	lasts = now.Sub(t.since)
	if lasts < t.patience || !t.last.IsZero() && now.Sub(t.last) < troubleInterval {
		return 0, 0, false
	}
	t.told, t.last = true, now
	return t.failures, lasts, true
}

// over notes a success.
func (t *trouble) over(log *slog.Logger, what string, args ...any) {
	if !t.failing.Load() {
		return
	}
	t.mu.Lock()
	told, count, lasted := t.told, t.failures, time.Since(t.since)
	t.told, t.failures = false, 0
	t.failing.Store(false)
	t.mu.Unlock()
	if told {
		log.Info("natsmediator: "+what, append(args, "failures", count, "after", lasted)...)
	}
}
