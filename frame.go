package mediator

import (
	"runtime"
	"sync/atomic"
)

// frame is what stands behind the [Call] handles of one call. Frames of requests
// and notifications are used again for later calls, and a behavior may keep a
// Call for as long as it likes, so whoever touches the content of a frame first
// changes its state word by a compare-and-swap that fails for all but the
// handles that are valid now:
//
//	state  generation (36 bits) | attempt (12 bits) | ended (8 bits) | flags (8 bits)
//	Call   generation           | attempt           | 0              | depth (8 bits)
//
// The generation is the number of the call. The outermost behavior has depth 0.
// When a behavior returns, the activations from its depth on have ended: ended is
// 256 minus that depth. When it is called again, or gave up on a next that was
// still running, the attempt grows; floors[depth] then holds the attempt in which
// the activation at that depth began, so that the outer ones stay valid.
//
// A number that wraps could admit only a handle kept for exactly 2^36 calls of
// one frame or 2^12 attempts of one call.
type frame struct {
	state   word
	now     int64 // of a confined call: the reading of the clock that behaviors share; 0 if there is none
	floors  []atomic.Uint32
	info    *info
	queues  *queueList // of a stream, nil otherwise
	content content
	first   content // the content while the attempt is 0: it can be read without the lock

	runs     atomic.Uint64 // generation | how many runs of the handler have begun, but for the usual one, see count
	confined bool          // calls are, see pipeline.callConfined
	shared   bool          // readings of the clock are, see chain
	pointer  bool          // messages are pointers
	seen     any           // of a confined call: the address of its message, unless that is a pointer

	forks *forkRuns // of the forks, once there are any
	fork  *forkRuns // of those that this is one of
}

const (
	running    = 1 << iota // a goroutine is inside the innermost next
	ran                    // the innermost next has returned in this attempt
	responded              // content holds a response
	delivering             // the running stream has begun to deliver items
	locked                 // content is being read or written, for a moment
	forked                 // a fork that has not run yet
	inPlace                // the run is a confined one
	viewing                // it is running without a run, see borrow

	endedShift   = 8
	attemptShift = 16
	genShift     = 28
	flagMask     = 1<<endedShift - 1
	endedMask    = flagMask << endedShift
	attemptMask  = 1<<(genShift-attemptShift) - 1
	maxDepth     = 250
)

// endedAt is the state's ended for activations from depth on, depth > 0.
func endedAt(depth uint64) uint64 { return (1<<endedShift - depth) << endedShift }

// content is the typed part of a frame.
type content interface {
	message() any
	address() any // of the message
	response() any
	accepts(v any) error
	setResponse(v any)
	// replace returns content with the same message and no response, for the
	// calls that follow one that is still running and that nobody waits for.
	replace() content
	// abandoned is called on the content that was replaced. For a stream it ends
	// the run, and if that delivers items, waits until it delivers no more. It
	// tells whether the consumer is left with a part of its items.
	abandoned(delivers bool) (cutOff bool)
}

func attemptOf(word uint64) uint32 { return uint32(word >> attemptShift & attemptMask) }

// alive tells whether the handle id is of the present call and of an activation
// that goes on, given the state s.
func (f *frame) alive(id, s uint64) bool {
	if (s^id)>>genShift != 0 {
		return false
	}
	depth := id & flagMask
	if attemptOf(id) == attemptOf(s) {
		return depth+s&endedMask>>endedShift <= flagMask
	}
	return depth < uint64(len(f.floors)) && f.floors[depth].Load() == attemptOf(id)
}

// lock gives the caller the content until unlock; nobody holds it for longer
// than it takes to copy a message, so others spin.
func (f *frame) lock(id uint64) error {
	for {
		s := f.state.Load()
		if !f.alive(id, s) {
			return ErrCallOver
		}
		if s&locked == 0 && f.state.CompareAndSwap(s, s|locked) {
			return nil
		}
		runtime.Gosched()
	}
}

func (f *frame) unlock() { f.state.Store(f.state.Load() &^ locked) }

// detach ends the activations from depth on, with the frame locked, and leaves
// it locked. What runs inside them keeps the old content for itself: detach
// returns it, nil if nothing runs.
func (f *frame) detach(depth int) (left content) {
	s := f.state.Load()
	f.count(s, false)
	attempt := max(1, (attemptOf(s)+1)&attemptMask) // never 0 again, see first
	for i := depth; i < len(f.floors); i++ {
		f.floors[i].Store(attempt)
	}
	flags := s & (locked | responded)
	if s&running != 0 {
		left = f.content
		f.content = left.replace()
		flags = locked
	}
	f.state.Store(s>>genShift<<genShift | uint64(attempt)<<attemptShift | flags)
	return left
}

// enter begins a run of the handler: it marks the frame as running, with more
// flags, or tells why id may not. It returns the state that leave expects.
func (f *frame) enter(id, flags uint64) (uint64, error) {
	for {
		s := f.state.Load()
		if !f.alive(id, s) {
			return 0, ErrCallOver
		}
		if s&running != 0 {
			return 0, ErrNextRunning
		}
		if s&locked == 0 {
			if n := s&^(flagMask|endedMask) | running | flags; f.state.CompareAndSwap(s, n) {
				f.count(s, true)
				return n, nil
			}
		}
		runtime.Gosched()
	}
}

// borrow marks the frame as running without a run, so that the content stays as
// it is until the state is set back to the one returned.
func (f *frame) borrow(id uint64) (content, uint64, error) {
	for {
		s := f.state.Load()
		switch {
		case !f.alive(id, s):
			return nil, 0, ErrCallOver
		case s&running != 0:
			return nil, 0, ErrNextRunning
		case f.first != nil && s&(attemptMask<<attemptShift|locked) == 0 && f.state.CompareAndSwap(s, s|running|viewing):
			return f.first, s, nil
		case s&locked == 0 && f.state.CompareAndSwap(s, s|running|viewing|locked):
			held := f.content
			f.state.Store(s | running | viewing)
			return held, s, nil
		}
		runtime.Gosched()
	}
}

// giveBack ends what borrow began with state s, unless the activation was given up
// meanwhile. A lock that another goroutine holds is only waited for.
func (f *frame) giveBack(s uint64) {
	for !f.state.CompareAndSwap(s|running|viewing, s) {
		if f.state.Load()&^locked != s|running|viewing {
			return
		}
		runtime.Gosched()
	}
}

// leave ends the run that enter began with state s, and says whether the run
// still counts. The content is the caller's own until then.
func (f *frame) leave(s, flags uint64) bool {
	for !f.state.CompareAndSwap(s, s&^(running|delivering)|ran|flags) {
		if now := f.state.Load(); now&^locked != s {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// retire ends the call: from here on every handle of it is over. It returns the
// last state.
func (f *frame) retire() uint64 {
	for {
		s := f.state.Load()
		if s&locked == 0 && f.state.CompareAndSwap(s, (s>>genShift+1)<<genShift) {
			return s
		}
		runtime.Gosched()
	}
}
