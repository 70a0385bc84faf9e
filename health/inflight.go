package health

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// inFlight knows since when each call in progress runs, without allocating for
// one. It has places for a few times as many calls as have ever run at once.
type inFlight struct {
	newest atomic.Pointer[places]
	mu     sync.Mutex
}

// places hold the time when a call began. Calls find one that is free by chance.
type places struct {
	each  []place
	older *places // still used by the calls that found theirs there
}

type place struct {
	began atomic.Int64 // 0: free
	_     [56]byte
}

const (
	leastPlaces = 8
	probes      = 8
)

// enter notes that a call has begun. What it returns is to be left.
func (f *inFlight) enter(now int64) *place {
	now |= 1
	p := f.newest.Load()
	if p != nil {
		mask := uint32(len(p.each) - 1)
		for i, n := rand.Uint32(), 0; n < probes; i, n = i+1, n+1 {
			if at := &p.each[i&mask]; at.began.Load() == 0 && at.began.CompareAndSwap(0, now) {
				return at
			}
		}
	}
	return f.enterSlowly(now)
}

// enterSlowly looks everywhere, and makes twice the room if half is taken.
func (f *inFlight) enterSlowly(now int64) *place {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		p := f.newest.Load()
		if p == nil {
			f.newest.Store(&places{each: make([]place, leastPlaces)})
			continue
		}
		taken := 0
		var free *place
		for i := range p.each {
			if at := &p.each[i]; at.began.Load() != 0 {
				taken++
			} else if free == nil {
				free = at
			}
		}
		if 2*taken > len(p.each) {
			f.newest.Store(&places{each: make([]place, 2*len(p.each)), older: p})
			continue
		}
		if free != nil && free.began.CompareAndSwap(0, now) {
			return free
		}
	}
}

func (p *place) leave() { p.began.Store(0) }

// longerThan counts the calls that have run for limit, and tells for how long the
// longest has.
func (f *inFlight) longerThan(limit time.Duration, now int64) (n int, longest time.Duration) {
	for p := f.newest.Load(); p != nil; p = p.older {
		for i := range p.each {
			if began := p.each[i].began.Load(); began != 0 && now-began >= int64(limit) {
				n++
				longest = max(longest, time.Duration(now-began))
			}
		}
	}
	return n, longest
}
