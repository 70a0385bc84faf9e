package mediator

// CountsAtOnce is Counts that does not look for a moment at which both ends of the
// queue stand still.
func (q *Queue) CountsAtOnce() QueueCounts { return q.countsIn(0) }
