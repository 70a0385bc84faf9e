package mediator

import "sync"

// QueueCounts returns what has become of the items in all queues of the stream so far,
// those that are gone included: a retry makes new ones.
func (c Call) QueueCounts() QueueCounts {
	if c.f == nil || c.f.info.kind != KindStream || c.f.lock(c.id) != nil {
		return QueueCounts{}
	}
	stream, ok := c.f.content.(interface{ queueList() *queueList })
	c.f.unlock() // whoever waits for that spins, and to count takes longer than to copy
	if !ok {
		return QueueCounts{}
	}
	return stream.queueList().counts()
}

func (c QueueCounts) plus(d QueueCounts) QueueCounts {
	return QueueCounts{
		Produced: c.Produced + d.Produced, Delivered: c.Delivered + d.Delivered, Dropped: c.Dropped + d.Dropped,
		Skipped: c.Skipped + d.Skipped, Abandoned: c.Abandoned + d.Abandoned, Queued: c.Queued + d.Queued,
	}
}

// queueList is the queues of a stream, the outermost first.
type queueList struct {
	mu   sync.Mutex
	all  []listed
	gone QueueCounts // of those that were removed
}

type listed struct {
	q     *Queue
	b     boundary
	depth uint64 // of the behavior that runs it
}

func (l *queueList) add(one listed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one)
}

func (l *queueList) remove(q *Queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, one := range l.all {
		if one.q == q {
			l.gone = l.gone.plus(q.Counts())
			l.all = append(l.all[:i:i], l.all[i+1:]...)
			return
		}
	}
}

func (l *queueList) counts() QueueCounts {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.gone
	for _, one := range l.all {
		sum = sum.plus(one.q.Counts())
	}
	return sum
}

func (l *queueList) copy() (all []*Queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		all = append(all, one.q)
	}
	return all
}

// leave waits for the queues at a depth and inside of it to deliver no more. The
// activation there has just ended, and they with it: there are some only if it was
// left while they ran.
func (l *queueList) leave(depth uint64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	all := l.all
	l.mu.Unlock()
	for _, one := range all {
		if one.depth >= depth {
			one.b.settle()
		}
	}
}
