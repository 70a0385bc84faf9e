package behaviors

import (
	"time"
	"unsafe"
)

// BytesAName is what a Recorder needs for a message that always succeeds.
const BytesAName = unsafe.Sizeof(stats{})

// TakeStale is Allow by a caller that read the clock so long ago.
func TakeStale(g *GCRA, ago time.Duration) bool { return g.takeAt(nanos() - int64(ago)) }
