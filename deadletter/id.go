package deadletter

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// lastTime is the time in the ID made last: 48 bits of milliseconds since 1970
// and 12 bits of the fraction.
var lastTime atomic.Uint64

// NewID returns a new ID for a [Letter]: a UUID of version 7 (RFC 9562, section
// 5.7, with the fraction of the millisecond as in section 6.2, method 3). In the
// order of their bytes the IDs of one process are in the order they were made,
// those of several in the order of their clocks.
func NewID() string {
	now := time.Now()
	next := uint64(now.UnixMilli())<<12 | uint64(now.Nanosecond()%1e6)<<12/1e6
	for {
		last := lastTime.Load()
		next = max(next, last+1)
		if lastTime.CompareAndSwap(last, next) {
			break
		}
	}
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], next>>12<<16|7<<12|next&0xfff)
	_, _ = rand.Read(id[8:]) // never fails
	id[8] = id[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for i, end := range []int{4, 6, 8, 10, 16} {
		start := []int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, id[start:end])
	}
	return string(text)
}
