package health

import "time"

// Hysteresis is that of a stream, for a test against a model.
type Hysteresis struct{ h hysteresis }

// Look takes what one look finds, and returns the status it leads to.
func (h *Hysteresis) Look(s Status, recovery int) Status {
	var found []Finding
	if s != Healthy {
		found = []Finding{{Status: s}}
	}
	h.h.look(found, recovery)
	return h.h.status
}

// Window is that of a stream, for a test against a model.
type Window struct{ w window }

// Change remembers n items at the time at, and returns the items and the time of
// the window up to then.
func (w *Window) Change(at time.Duration, n uint64, span time.Duration) (items uint64, elapsed time.Duration) {
	now := counts{at: int64(at), good: n}
	change := w.w.change(now, span)
	w.w.add(now, span)
	return change.good, time.Duration(change.at)
}

// Rest tells that nothing has happened up to the time at.
func (w *Window) Rest(at time.Duration) { w.w.rest(int64(at)) }

// Look has m look at everything once.
func Look(m *Monitor) { m.look(nanos()) }
