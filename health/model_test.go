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

// A window tells what happened in the last span, or a little more than that: a
// step and the time to the look before.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5})
	f.Add([]byte{255, 1, 0, 255, 3, 3, 90, 0, 90, 0, 1, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		const span = 100 * time.Millisecond
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
			items, elapsed := w.Change(now.at, now.n, span)
			from := slices.IndexFunc(all, func(l look) bool { return l.at == now.at-elapsed && l.n == now.n-items })
			require.GreaterOrEqual(t, from, 0, "it is a difference to an earlier look")
			if now.at >= span {
				require.GreaterOrEqual(t, elapsed, span*3/4, "a step may come early by a quarter")
			}
			// The newest look that is old enough may have been too close to the one before
			// to be remembered.
			oldEnough := slices.IndexFunc(all, func(l look) bool { return l.at > now.at-span }) - 1
			if oldEnough >= 0 {
				require.LessOrEqual(t, elapsed, now.at-all[oldEnough].at+span/10+span/10)
			}
			all = append(all, now)
		}
	})
}
