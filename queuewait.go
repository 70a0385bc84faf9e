package mediator

import (
	"context"
	"time"
)

// The states of the consumer.
const (
	awake uint32 = iota
	asleep
	left
)

// wakeConsumer is called when an item has come, or the end.
func (q *Queue) wakeConsumer() {
	if q.consumer.CompareAndSwap(asleep, awake) {
		q.arrived <- struct{}{}
	}
}

// spin waits for an item or the end of the producer, for some microseconds: true if
// there is one. It looks seldom, for each look slows the producer down.
func (q *Queue) spin(head uint32) bool {
	for range q.spins {
		q.linger()
		if uint32(q.tail.Load()) != head || q.ended.Load() {
			return true
		}
	}
	return false
}

// linger takes about a microsecond, and touches nothing that the other side writes.
func (q *Queue) linger() {
	for range lingers {
		q.used.Load()
	}
}

// notAwake deals with a consumer that sleeps or has left, after an item was put: in
// the latter case no other is wanted.
func (q *Queue) notAwake(state uint32) bool {
	if state == left {
		return false
	}
	q.wakeConsumer()
	return true
}

// sleep waits for an item or the end of the producer, or that of ctx.
func (q *Queue) sleep(ctx context.Context, head uint32) {
	q.consumer.Store(asleep)
	if uint32(q.tail.Load()) == head && !q.ended.Load() {
		select {
		case <-q.arrived:
			return
		case <-ctx.Done():
		}
	}
	if !q.consumer.CompareAndSwap(asleep, awake) {
		<-q.arrived
	}
}

// wakeProducer has the producer look whether it still has to wait.
func (q *Queue) wakeProducer() {
	if q.producer.Swap(0) != 0 {
		select {
		case q.room <- struct{}{}:
		default:
		}
	}
}

// taken is called by the consumer when it has taken an item.
func (q *Queue) taken(head, tail uint32) {
	if awaited := q.producer.Load(); awaited != 0 && int64(tail-head) < awaited {
		q.wakeProducer()
	}
}

// end is called by the producer, last.
func (q *Queue) end() {
	if q.timer != nil {
		q.timer.Stop()
	}
	q.ended.Store(true)
	q.wakeConsumer()
}

// Await waits until at most depth items are queued, none if depth is negative. It is
// for Admit. It returns false if the run ends before: what Admit returns then makes no
// difference.
func (q *Queue) Await(depth int) bool {
	depth = max(0, depth)
	return q.await(func() int { return depth })
}

// await is Await for a depth that may change.
func (q *Queue) await(depth func() int) bool {
	for range q.spins {
		if !q.Reaches(depth() + 1) {
			return true
		}
		q.linger()
	}
	for q.consumer.Load() != left {
		q.producer.Store(int64(depth()) + 1)
		if !q.Reaches(depth() + 1) {
			q.producer.Store(0)
			return true
		}
		select {
		case <-q.room:
		case <-q.quit:
			q.producer.Store(0)
			return false
		}
	}
	q.producer.Store(0)
	return false
}

// A side that has to wait looks this often, about a microsecond apart, before it
// goes to sleep, for to be woken takes longer than that. Not where the other side
// would need the same processor.
const spins = 4

// Pause waits for d. It is for Admit, and allocates nothing but once. It returns
// false if the run ends before.
func (q *Queue) Pause(d time.Duration) bool {
	if q.timer == nil {
		q.timer = time.NewTimer(d)
	} else {
		q.timer.Reset(d)
	}
	select {
	case <-q.timer.C:
		return true
	case <-q.quit:
		q.timer.Stop()
		return false
	}
}
