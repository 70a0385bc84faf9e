package behaviors

import "sync"

// nesting guards the waits of all flights: runs of different handlers, and of different
// mediators, may wait for each other. Only requests that runs send take it.
var nesting sync.Mutex

// wait notes that something f has sent waits for other, unless other waits for f: then
// it tells that it must not.
func (f *flight) wait(other *flight) bool {
	nesting.Lock()
	defer nesting.Unlock()
	if other.reaches(f, map[*flight]bool{}) {
		return false
	}
	if f.waits == nil {
		f.waits = map[*flight]int{}
	}
	f.waits[other]++
	return true
}

// waited takes one wait back.
func (f *flight) waited(other *flight) {
	nesting.Lock()
	defer nesting.Unlock()
	if f.waits[other]--; f.waits[other] == 0 {
		delete(f.waits, other)
	}
}

// reaches tells whether f is other or waits for it, itself or by what it waits for. It is
// called with nesting held.
func (f *flight) reaches(other *flight, seen map[*flight]bool) bool {
	if f == other {
		return true
	}
	seen[f] = true
	for next := range f.waits {
		if !seen[next] && next.reaches(other, seen) {
			return true
		}
	}
	return false
}
