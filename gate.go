package mediator

import (
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// gate keeps calls of a stopped subscriber from starting. It counts the calls
// between the look at closed and their start in the low half of a word, and
// those that run in the high half.
type gate struct {
	closed atomic.Bool
	calls  atomic.Uint64
	idle   chan struct{} // receives when the last running call of a closed gate ends
}

func newGate() *gate { return &gate{idle: make(chan struct{}, 1)} }

const (
	gateRunning = 1 << 32
	// gateGrace is how long stop waits for calls that had begun. It needs none
	// for what it promises, but whoever stops a subscription mostly goes on to
	// release what its handler uses.
	gateGrace = 20 * time.Millisecond
)

func (g *gate) enter() bool {
	g.calls.Add(1)
	if g.closed.Load() {
		g.calls.Add(^uint64(0))
		return false
	}
	g.calls.Add(gateRunning - 1)
	return true
}

func (g *gate) leave() {
	if g.calls.Add(^uint64(gateRunning-1)) == 0 && g.closed.Load() {
		select {
		case g.idle <- struct{}{}:
		default:
		}
	}
}

// close returns when no call is about to start, and those that run have ended or
// had their grace. It does not wait for them where it is one of them that closes.
func (g *gate) close() {
	g.closed.Store(true)
	for g.calls.Load()&(gateRunning-1) != 0 {
		runtime.Gosched()
	}
	if g.calls.Load() == 0 || insideSubscriber() {
		return
	}
	grace := time.NewTimer(gateGrace)
	defer grace.Stop()
	select {
	case <-g.idle:
	case <-grace.C:
	}
}

// insideSubscriber tells whether a subscriber with a gate is on the stack.
func insideSubscriber() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "github.com/fsmediator/mediator.(*step[") {
			return true
		}
		if !more {
			return false
		}
	}
}
