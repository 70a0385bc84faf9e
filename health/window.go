package health

import (
	"time"

	"github.com/fsmediator/mediator/internal/monotime"
)

func nanos() int64 { return monotime.Nanos() }

// clock turns nanos into times of day.
type clock struct {
	now   time.Time
	nanos int64
}

func readClock() clock { return clock{time.Now(), nanos()} }

func (c clock) time(nanos int64) time.Time { return c.now.Add(time.Duration(nanos - c.nanos)) }

// windowSteps is how many steps a window slides in.
const windowSteps = 10

// counts is what a window is about, as it stood at a time.
type counts struct {
	at                int64
	good, bad         uint64 // items or calls, and errors
	produced, dropped uint64 // by queues
}

// window remembers the counts of the last while, in steps. The zero window is to
// be given a first counts to start from.
type window struct {
	ring [windowSteps + 1]counts
	n    int // how many there are
	last int // the place of the newest
}

// add remembers c, if the newest is a step old.
func (w *window) add(c counts, span time.Duration) {
	// Looks come a little early or late.
	if step := int64(span / windowSteps); w.n > 0 && c.at-w.ring[w.last].at < step-step/4 {
		return
	}
	w.last = (w.last + 1) % len(w.ring)
	w.ring[w.last] = c
	w.n = min(w.n+1, len(w.ring))
}

// change is what happened in the span up to c, as differences; at is the time
// that they took.
func (w *window) change(c counts, span time.Duration) counts {
	if w.n == 0 {
		return counts{}
	}
	from := c
	for i := range w.n {
		from = w.ring[(w.last-i+len(w.ring))%len(w.ring)]
		if c.at-from.at >= int64(span) {
			break
		}
	}
	return counts{
		at:       c.at - from.at,
		good:     less(c.good, from.good),
		bad:      less(c.bad, from.bad),
		produced: less(c.produced, from.produced),
		dropped:  less(c.dropped, from.dropped),
	}
}

// less is a-b, and 0 where that is negative.
func less(a, b uint64) uint64 { return a - min(a, b) }

// rate is the good ones per second. What happened in less than a step says little,
// and counts as if it had taken one.
func (c counts) rate(span time.Duration) float64 {
	return float64(c.good) / max(time.Duration(c.at), span/windowSteps).Seconds()
}

// share is part of whole, 0 of nothing.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
