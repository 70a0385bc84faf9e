package behaviors

import "unsafe"

// BytesAName is what a Recorder needs for a message that always succeeds.
const BytesAName = unsafe.Sizeof(stats{})
