package mediator

import (
	"fmt"
	"runtime"
)

// push is the yield of the producer's outlet.
func (p *pump[T]) push(item T, _ error) bool {
	q := p.q
	if q.admit != nil {
		switch verdict := q.admit(q); {
		case verdict == Enqueue:
		case q.evicts && (verdict == Evict || verdict == Replace):
			p.evict(verdict)
			return p.put(item)
		default:
			return p.decide(item, verdict)
		}
	}
	queued := q.next - q.seen
	if queued >= uint64(q.capacity.Load()) || queued >= p.size || q.evicts {
		return p.pushSlow(item)
	}
	p.slots[q.next&(p.size-1)] = item
	q.next++
	q.tail.Store(q.next)
	if state := q.consumer.Load(); state != awake {
		return q.notAwake(state)
	}
	return true
}

// pushSlow is push where it has to look where the consumer is.
func (p *pump[T]) pushSlow(item T) bool {
	q := p.q
	if capacity := uint64(q.capacity.Load()); q.next-q.seen >= capacity && q.next-q.look() >= capacity && !q.await(q.resumeAt) {
		q.refused.Add(1)
		return false
	}
	return p.put(item)
}

// resumeAt is the depth at which a producer that waits for room goes on. In a
// large queue it waits for many places, for to wake it costs more than an item.
func (q *Queue) resumeAt() int {
	capacity := q.Capacity()
	if capacity >= manyPlaces {
		return capacity / 2
	}
	return capacity - 1
}

const manyPlaces = 64

// decide carries out what Admit has said.
func (p *pump[T]) decide(item T, v Verdict) bool {
	q := p.q
	switch v {
	case Drop:
		q.dropped.Add(1)
	case Skip:
		q.skipped.Add(1)
	case failed:
		q.dropped.Add(1)
		return false
	case Evict, EvictOne, Replace:
		p.evict(v)
		return p.put(item)
	default:
		panic(badVerdict(v, "is none"))
	}
	return q.consumer.Load() != left
}

func badVerdict(v Verdict, why string) string {
	return fmt.Sprintf("mediator: Admit of a Queue returned a Verdict that %s: %d", why, uint8(v))
}

// evict drops the oldest items, as v says.
func (p *pump[T]) evict(v Verdict) {
	q := p.q
	if !q.evicts {
		panic(badVerdict(v, "needs QueueConfig.Evicts"))
	}
	for {
		head := q.head.Load()
		depth := uint32(q.next) - uint32(head>>32)
		most := uint32(q.Capacity() - 1)
		switch {
		case v == Replace:
			most = 0
		case v == EvictOne && depth > 0:
			most = min(most, depth-1)
		}
		if depth <= most || q.head.CompareAndSwap(head, head+uint64(depth-most)<<32) {
			return
		}
	}
}

// put puts the item last. The queue is not full.
func (p *pump[T]) put(item T) bool {
	q := p.q
	if q.next-p.ring.first >= p.size {
		if q.next-q.seen >= p.size && q.next-q.look() >= p.size {
			p.grow()
		} else if q.evicts {
			// The consumer may be copying the item that was in this place.
			for q.reading.Load() == uint64(uint32(q.next-p.size))<<1|1 {
				runtime.Gosched()
			}
		}
	}
	p.slots[q.next&(p.size-1)] = item
	q.next++
	q.tail.Store(q.next)
	if state := q.consumer.Load(); state != awake {
		return q.notAwake(state)
	}
	return true
}

// grow puts a larger ring after a full one.
func (p *pump[T]) grow() {
	r := newRing[T](2*len(p.slots), p.q.next)
	p.ring.next.Store(r)
	p.use(r)
}

// use makes r the ring that items are put in.
func (p *pump[T]) use(r *ring[T]) {
	p.ring, p.slots, p.size = r, r.slots, uint64(len(r.slots))
}

func newRing[T any](size int, first uint64) *ring[T] {
	return &ring[T]{slots: make([]T, size), first: first}
}
