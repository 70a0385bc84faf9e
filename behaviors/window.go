package behaviors

import (
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/monotime"
)

func nanos() int64 { return monotime.Nanos() }

// nanosOf is nanos, or the reading that c shares.
func nanosOf(c mediator.Call) int64 { return int64(c.Now()) }

// windowSlices is how many parts a sliding window moves by.
const windowSlices = 10

// window counts calls of the last while. It is safe for concurrent use, without
// locks: once two have met, each lane of it is counted in by one processor, mostly.
type window struct {
	origin, slice int64  // nanoseconds
	inverse       uint64 // of slice, times 2^64
	lanes         []windowLane
	busy          atomic.Bool // two have met in the first lane, so that the others are used, too
}

// windowLane takes up whole cache lines.
type windowLane struct {
	slots [windowSlices]windowSlot
}

// windowSlot holds the counts of a slice. A count is one word with the number of
// its slice in the high half, so that a slot changes over to a later slice in
// the same step in which it counts.
type windowSlot [windowKinds]atomic.Uint64

const (
	windowOK = iota
	windowFailed
	windowSlow
	windowUndone // successes that are none: they count in the slice of what they undo
	windowKinds
)

func newWindow(now int64, span time.Duration) *window {
	slice := max(1, int64(span)/windowSlices)
	return &window{origin: now, slice: slice, inverse: math.MaxUint64 / uint64(slice), lanes: make([]windowLane, laneCount())}
}

// number is that of the slice at now, the first for a reading from before the window
// began, which a call may share. It is a division without its cost: the product
// with the inverse, which is rounded down, is less by one at most.
func (w *window) number(now int64) uint64 {
	since := uint64(max(0, now-w.origin))
	n, _ := bits.Mul64(since, w.inverse)
	if since-n*uint64(w.slice) >= uint64(w.slice) {
		n++
	}
	return n
}

// add counts a call that ended at now. One that is older than all that its slot
// still holds is dropped.
func (w *window) add(kind int, now int64) {
	n := w.number(now)
	slice := uint32(n)
	lanes := w.lanes
	if len(lanes) > 1 && w.busy.Load() {
		i := lane() & uint32(len(lanes)-1)
		lanes = lanes[i : i+1]
	}
	word := &lanes[0].slots[n%windowSlices][kind]
	for {
		old := word.Load()
		counted := old + 1
		switch age := int32(slice - uint32(old>>32)); {
		case age > 0:
			counted = uint64(slice)<<32 | 1
		case age < 0, uint32(old) == math.MaxUint32:
			return
		}
		if word.CompareAndSwap(old, counted) {
			return
		}
		if !w.busy.Load() {
			w.busy.Store(true)
		}
	}
}

// counts is a sum of a window.
type counts struct{ ok, failed, slow int }

func (c counts) calls() int { return c.ok + c.failed }

// sum adds up what ended in the present slice and the nine before.
func (w *window) sum(now int64) (c counts) {
	slice := uint32(w.number(now))
	for i := range w.lanes {
		for j := range w.lanes[i].slots {
			slot := &w.lanes[i].slots[j]
			c.ok += recent(&slot[windowOK], slice) - recent(&slot[windowUndone], slice)
			c.failed += recent(&slot[windowFailed], slice)
			c.slow += recent(&slot[windowSlow], slice)
		}
	}
	c.ok = max(0, c.ok) // what was undone meanwhile may have been added after it was read
	return c
}

func recent(word *atomic.Uint64, slice uint32) int {
	w := word.Load()
	if int32(slice-uint32(w>>32)) >= windowSlices {
		return 0
	}
	return int(uint32(w))
}

// maxLanes bounds what a window takes up on machines with many processors.
const maxLanes = 16

// laneCount is the number of lanes of a new window, a power of two.
func laneCount() int {
	return 1 << bits.Len(uint(min(runtime.GOMAXPROCS(0), maxLanes)-1))
}

// lanePool hands out lane numbers, of a fixed set. A pool keeps what it is given
// with the processor that gave it, so each processor mostly gets its own.
var lanePool = sync.Pool{New: func() any { return &laneNumbers[laneNext.Add(1)%maxLanes] }}

var (
	laneNext    atomic.Uint32
	laneNumbers = func() (all [maxLanes]uint32) {
		for i := range all {
			all[i] = uint32(i)
		}
		return all
	}()
)

func lane() uint32 {
	n := lanePool.Get().(*uint32)
	lanePool.Put(n)
	return *n
}
