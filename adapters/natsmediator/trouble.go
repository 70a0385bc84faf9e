package natsmediator

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// troubleInterval is how often the log is told of what goes on failing.
const troubleInterval = time.Minute

// trouble is something that is tried until it succeeds. The log gets a line when it
// begins to fail, and no more than one a minute for each of a few reasons, while it goes
// on or comes and goes; and one when a failure that was told is over. The zero value is
// ready; it is used concurrently.
type trouble struct {
	patience time.Duration // what is over sooner is not told

	failing atomic.Bool // what goes well looks at no more than this

	mu       sync.Mutex
	since    time.Time
	failures int
	told     bool                 // of these failures
	reasons  map[string]time.Time // when a line was written, by reasonOf
}

// mostReasons is how many reasons of one trouble are told apart.
const mostReasons = 8

// reasonOf is the error's text without its numbers, which may be others each time.
func reasonOf(err error) (text string) {
	_ = guard(func() error { text = err.Error(); return nil }) // it may be the user's, and panic
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, clip(text, 500))
}

// failed notes one failure.
func (t *trouble) failed(log *slog.Logger, level slog.Level, what string, err error, args ...any) {
	if count, lasts, due := t.note(err); due {
		log.Log(context.Background(), level, "natsmediator: "+what, append(args, "error", err, "failures", count, "for", lasts)...)
	}
}

func (t *trouble) note(err error) (count int, lasts time.Duration, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.failures == 0 {
		t.since = now
		t.failing.Store(true)
	}
	t.failures++
	lasts = now.Sub(t.since)
	if lasts < t.patience {
		return 0, 0, false
	}
	for reason, at := range t.reasons {
		if now.Sub(at) >= troubleInterval {
			delete(t.reasons, reason)
		}
	}
	reason := reasonOf(err)
	if _, told := t.reasons[reason]; told || len(t.reasons) == mostReasons {
		return 0, 0, false
	}
	if t.reasons == nil {
		t.reasons = map[string]time.Time{}
	}
	t.told, t.reasons[reason] = true, now
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
