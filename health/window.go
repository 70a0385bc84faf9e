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

// still tells whether nothing has happened between c and d.
func (c counts) still(d counts) bool {
	c.at = d.at
	return c == d
}

// window remembers the counts of the last while, in steps. The zero window is to
// be given a first counts to start from.
type window struct {
	ring [windowRoom]stood
	n    int // how many there are
	last int // the place of the newest
}

// windowRoom is what a window takes in any case: the steps between as many counts and
// one more, and the newest, which may be less than a step after the one before.
const windowRoom = windowSteps + 2

// stood is counts from their time until another: nothing happened between those.
type stood struct {
	counts
	until int64
}

// back is the newest, or what stood so many changes before.
func (w *window) back(i int) *stood { return &w.ring[(w.last-i+windowRoom)%windowRoom] }

// add remembers c. The newest makes way for it, unless that is a step later than the
// one before.
func (w *window) add(c counts, span time.Duration) {
	newest := w.back(0)
	switch {
	case w.n > 0 && w.unseen(c, span):
		w.n = 0
	case w.n > 0 && newest.still(c):
		w.rest(c.at)
		return
	case w.n > 1 && newest.until-w.back(1).until < int64(span/windowSteps):
		*newest = stood{c, c.at}
		return
	}
	w.last = (w.last + 1) % windowRoom
	w.ring[w.last] = stood{c, c.at}
	w.n = min(w.n+1, windowRoom)
}

// rest tells that nothing has happened since the newest.
func (w *window) rest(until int64) {
	newest := w.back(0)
	newest.until = max(newest.until, until)
}

// unseen tells whether c comes so long after the newest that the process must have been
// stopped in between: then nobody knows when what is new has happened.
func (w *window) unseen(c counts, span time.Duration) bool {
	newest := w.back(0)
	return c.at-newest.until > int64(span)+overdue && !newest.still(c)
}

// change is what happened in the span up to c, as differences; at is the time
// that they took.
func (w *window) change(c counts, span time.Duration) counts {
	if w.n == 0 || w.unseen(c, span) {
		return counts{}
	}
	begin := c.at - int64(span)
	from := w.back(0)
	until := from.until
	if from.still(c) {
		until = c.at
	}
	for i := 1; i < w.n && from.at > begin; i++ {
		from = w.back(i)
		until = from.until
	}
	return counts{
		at:       c.at - max(from.at, min(until, begin)),
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
