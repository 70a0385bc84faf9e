package health_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fsmediator/mediator/health"
	"github.com/stretchr/testify/require"
)

// The status is the worst of the last Recovery looks: that is what getting worse at
// once and better after Recovery looks in a row comes to.
func FuzzHysteresis(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 0}, uint8(3))
	f.Add([]byte{0, 1, 2, 1, 0, 1, 0, 0, 2, 0}, uint8(2))
	f.Add([]byte{3, 2, 1, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, looks []byte, recovery uint8) {
		k := 1 + int(recovery%8)
		var h health.Hysteresis
		var last []health.Status
		for _, look := range looks {
			last = append(last, health.Status(look%4))
			require.Equal(t, slices.Max(last[max(0, len(last)-k):]), h.Look(last[len(last)-1], k))
		}
	})
}

// A window tells what happened in the last span. It reaches back further only for what
// nobody knows the time of: by up to a step, and to the look before; and not over a time in
// which nothing happened. What comes after longer than that without a look is of no time.
func FuzzWindow(f *testing.F) {
	const (
		silence = 254 // nothing happens for three seconds
		stopped = 255 // nobody looks for as long
	)
	f.Add([]byte{1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5})
	f.Add([]byte{253, 1, 0, 253, 3, 3, 90, 0, 90, 0, 1, 1})
	f.Add([]byte{4, 6, 4, 0, silence, 0, 4, 6, 90, 1, silence, 7, 50, 1, 50, 1, 1, 1})
	f.Add([]byte{4, 6, stopped, 0, 4, 6, stopped, 9, 4, 6, 60, 0, 60, 0})
	f.Add([]byte{8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1, 8, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		const (
			span = 100 * time.Millisecond
			step = span / 10
			long = 3 * time.Second
		)
		var w health.Window
		type look struct {
			at time.Duration
			n  uint64
		}
		all := []look{{}}
		w.Change(0, 0, span)
		for i := 0; i+1 < len(steps); i += 2 {
			last := all[len(all)-1]
			now := look{last.at + time.Duration(steps[i])*time.Millisecond, last.n + uint64(steps[i+1])}
			switch steps[i] {
			case silence:
				now.at = last.at + long
				w.Rest(now.at)
				all = append(all, look{now.at, last.n})
			case stopped:
				now.at = last.at + long
			}
			items, elapsed := w.Change(now.at, now.n, span)
			if steps[i] == stopped && now.n > last.n {
				require.Zero(t, items)
				all = []look{now} // the window begins here
				continue
			}
			all = append(all, now)
			begin, from := now.at-span, now.at-elapsed
			if all[0].at > begin {
				start := look{from, now.n - items}
				require.Equal(t, all[0], start)
				continue
			}
			// standing tells whether looks at a time, or before and after it, found n.
			standing := func(at time.Duration, n uint64) bool {
				i := slices.IndexFunc(all, func(l look) bool { return l.n == n && l.at <= at })
				return i >= 0 && slices.ContainsFunc(all[i:], func(l look) bool { return l.n == n && l.at >= at })
			}
			require.True(t, standing(from, now.n-items), "what has happened since then, neither more nor less")
			require.LessOrEqual(t, from, begin, "all of the span")
			latest := all[0] // until then
			for _, l := range all {
				if l.at <= begin {
					latest = l
				}
			}
			if standing(begin, latest.n) {
				latest.at = begin
			}
			require.Greater(t, from, latest.at-step)
		}
	})
}
