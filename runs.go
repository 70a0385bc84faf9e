package mediator

import "sync/atomic"

// forkRuns is how many runs of the handler the forks of a call have begun, which are
// of frames of their own.
type forkRuns struct {
	generation uint64
	begun      atomic.Int64
}

// forkRuns returns that of the present call, with the frame locked. A fork's forks
// count where it does.
func (f *frame) forkRuns() *forkRuns {
	generation := f.state.Load() >> genShift
	switch {
	case f.fork != nil:
		return f.fork
	case f.forks == nil || f.forks.generation != generation:
		f.forks = &forkRuns{generation: generation}
	}
	return f.forks
}

// count counts a run that begins, if there is one, in the state s. Usually a handler
// runs once a call, and nobody counts: flags say so until the attempt ends or another
// run begins, and then it is counted late.
func (f *frame) count(s uint64, begins bool) {
	for {
		counted := f.runs.Load()
		n := counted
		if n>>genShift != s>>genShift {
			n = s >> genShift << genShift
		}
		if n<<(64-genShift) == 0 && (s&ran != 0 || s&(running|viewing) == running) {
			n++
		}
		if begins {
			n++
		}
		if f.runs.CompareAndSwap(counted, n) {
			break
		}
	}
	if begins && f.fork != nil {
		f.fork.begun.Add(1)
	}
}

// runs is how many runs of the handler have begun in the call, 0 once that is over.
func (c Call) runs() int {
	f := c.f
	if f == nil || f.lock(c.id) != nil {
		return 0
	}
	defer f.unlock()
	f.count(f.state.Load(), false)
	n := int(f.runs.Load() & (1<<genShift - 1))
	if f.forks != nil && f.forks.generation == f.state.Load()>>genShift {
		n += int(f.forks.begun.Load())
	}
	return n
}
