package behaviors

import (
	"time"
	"unsafe"
)

// BytesAName is what a Recorder needs for a message that always succeeds.
const BytesAName = unsafe.Sizeof(stats{})

// TakeStale is Allow by a caller that read the clock so long ago.
func TakeStale(g *GCRA, ago time.Duration) bool { return g.takeAt(nanos() - int64(ago)) }

// SliceNumber is that of the slice at now in a window of such a span, and its length.
func SliceNumber(origin, now int64, span time.Duration) (number, slice uint64) {
	w := newWindow(origin, span)
	return w.number(now), uint64(w.slice)
}
