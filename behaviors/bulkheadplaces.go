package behaviors

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator/internal/ending"
)

const maxPlaces = math.MaxInt32

// places is a semaphore with a bounded queue. What runs and what waits is in one word:
//
//	word  waiting (32 bits) | running (32 bits)
//
// Where anybody waits, nobody takes a place that has become free: who left it
// hands it on to the first, so nobody overtakes.
type places struct {
	word    atomic.Uint64
	limit   uint64
	queue   int
	maxWait time.Duration
	scope   string // for the FullError

	mu          sync.Mutex // held to change waiting
	first, last *waiter
}

const onePlaceWaiting = 1 << 32

// waiter is a place in a queue.
type waiter struct {
	turn       chan struct{} // closed when its turn has come
	prev, next *waiter
	gone       bool // no longer in the queue
}

// try takes a place if there is one.
func (p *places) try() bool {
	for {
		w := p.word.Load()
		if w >= p.limit { // or somebody waits
			return false
		}
		if p.word.CompareAndSwap(w, w+1) {
			return true
		}
	}
}

// leave frees a place and hands it on.
func (p *places) leave() {
	if p.word.Add(^uint64(0)) >= onePlaceWaiting {
		p.handOn()
	}
}

// handOn gives the first in the queue a free place. There may be none: who left
// it can have been here already, or the queue was empty for a moment.
func (p *places) handOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.first; w != nil && p.word.Load()%onePlaceWaiting < p.limit {
		p.unlink(w)
		// In one step, or another caller could take the place in between.
		p.word.Add(1 + ^uint64(onePlaceWaiting-1))
		close(w.turn)
	}
}

// wait is try for a caller that may queue. It returns a *FullError.
func (p *places) wait(ctx context.Context) error {
	w, begun, ok := p.enter()
	if w == nil {
		if ok {
			return nil
		}
		return p.full()
	}
	var timeout <-chan time.Time
	if p.maxWait > 0 {
		t := time.NewTimer(p.maxWait)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-w.turn:
		if ctx.Err() == nil {
			return nil
		}
	case <-ctx.Done():
	case <-timeout:
	}
	full := p.full()
	if ctx.Err() != nil {
		full.Err = ending.Of(ctx)
	}
	if !p.giveUp(w) {
		// Its turn has come. Whom only the time has told to stop may still go.
		if full.Err == nil {
			return nil
		}
		p.leave()
	}
	full.Waited = time.Since(begun)
	return full
}

func (p *places) full() *FullError {
	return &FullError{Limit: int(p.limit), Queue: p.queue, Scope: p.scope}
}

// enter queues the caller, or takes a place that has become free.
func (p *places) enter() (w *waiter, begun time.Time, ok bool) {
	if p.queue == 0 {
		return nil, begun, p.try()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		word := p.word.Load()
		switch {
		case word < p.limit:
			if p.word.CompareAndSwap(word, word+1) {
				return nil, begun, true
			}
		case word>>32 >= uint64(p.queue):
			return nil, begun, false
		case p.word.CompareAndSwap(word, word+onePlaceWaiting):
			w = &waiter{turn: make(chan struct{}), prev: p.last}
			if p.last == nil {
				p.first = w
			} else {
				p.last.next = w
			}
			p.last = w
			return w, time.Now(), false
		}
	}
}

// giveUp takes w out of the queue; false if it has left it because its turn came.
func (p *places) giveUp(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone {
		return false
	}
	p.unlink(w)
	p.word.Add(^uint64(onePlaceWaiting - 1))
	return true
}

// unlink takes w out of the list with mu held; the caller counts it out.
func (p *places) unlink(w *waiter) {
	if w.prev == nil {
		p.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		p.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.gone, w.prev, w.next = true, nil, nil
}
