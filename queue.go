package mediator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"
)

// Queue is a bounded queue between the producer and the consumer of one run of a
// stream. Without one, the handler runs on the consumer's goroutine and is never
// ahead of it. A behavior that wants a boundary makes a Queue for each run:
//
//	func(ctx context.Context, c mediator.Call, next mediator.Next) error {
//		return mediator.NewQueue(mediator.QueueConfig{Capacity: 64}).Run(ctx, c, next)
//	}
//
// What stands inside of that behavior, the handler last, runs on a goroutine of its
// own: the producer. What stands outside of it runs where it did. The items keep
// their order and their type; none is boxed, and none allocates.
//
// What becomes of an item when the consumer is slow is up to [QueueConfig].Admit.
// The methods may be called at any time and from any goroutine, but for those
// that are for Admit.
type Queue struct {
	admit  func(*Queue) Verdict
	evicts bool
	spins  int // see spins
	owner  any
	used   atomic.Bool

	capacity atomic.Int64
	_        [64]byte

	// The producer's. The number of an item, its position, grows by one with each.
	tail    atomic.Uint64 // the position behind the last item
	dropped atomic.Uint64 // without having been queued
	skipped atomic.Uint64
	refused atomic.Uint64 // not even queued, because the consumer had left
	next    uint64        // tail, for the producer alone
	seen    uint64        // the position of the first item, when the producer looked last
	failure error
	timer   *time.Timer
	quit    <-chan struct{} // closed when the producer is to end
	_       [64]byte

	// The consumer's. head is position (32 bits) | items taken (32 bits): an item
	// taken moves both, one dropped the position alone. The full numbers follow
	// from tail and base.
	head    atomic.Uint64
	base    atomic.Uint64 // the items taken, when that was a multiple of baseEvery
	reading atomic.Uint64 // position<<1, and 1 while the item is being copied
	_       [64]byte

	consumer atomic.Uint32 // awake, asleep or left
	producer atomic.Int64  // awaited depth + 1 while the producer waits, 0 otherwise
	ended    atomic.Bool   // the producer has ended
	closed   atomic.Bool   // both have
	arrived  chan struct{} // wakes the consumer
	room     chan struct{} // wakes the producer
}

// QueueConfig says how a [Queue] deals with a consumer that is slower than the
// producer.
type QueueConfig struct {
	// Capacity is how many items it holds at most, at least 1; more than 2^31-1 is
	// that. Memory is taken as the queue fills; its places are given back when the run
	// ends, what its items point to with each item.
	Capacity int
	// Admit decides on each item. It is called on the producer's goroutine, before
	// the item is queued, and may wait. nil: every item is queued, [Enqueue].
	Admit func(q *Queue) Verdict
	// Evicts must be set for Admit to return [Evict], [EvictOne] or [Replace].
	Evicts bool
	// Owner is handed on by [Queue.Owner].
	Owner any
}

// Verdict is what becomes of an item that the producer has ready.
type Verdict uint8

// The verdicts. Each item counts as exactly one of delivered, dropped, skipped,
// abandoned and queued, see [QueueCounts].
const (
	Enqueue  Verdict = iota // it is put last; while the queue is full, the producer waits: for a place, and if Capacity is 64 or more for half of them
	Drop                    // it is dropped
	Skip                    // it is left out on purpose, as by a sample: counted apart from what is dropped
	Evict                   // it is put last; if the queue is full, the oldest are dropped for it
	EvictOne                // it is put last, and the oldest is dropped for it, if there is one, even if there is room
	Replace                 // it takes the place of all that is queued, which is dropped
	failed
)

// QueueCounts is what has become of the items of a [Queue]. At every moment
//
//	Produced = Delivered + Dropped + Skipped + Abandoned + Queued
type QueueCounts struct {
	Produced  uint64 // items that the producer had ready, while its context had not ended
	Delivered uint64 // given to the consumer, that in its hands included
	Dropped   uint64
	Skipped   uint64
	Abandoned uint64 // left by a consumer that stopped, panicked or was cancelled
	Queued    int
}

// NewQueue returns a queue for one run. It panics if the capacity is less than 1.
func NewQueue(c QueueConfig) *Queue {
	if c.Capacity < 1 {
		panic(fmt.Sprintf("mediator: NewQueue: Capacity is %d: a queue holds at least 1 item", c.Capacity))
	}
	q := &Queue{admit: c.Admit, evicts: c.Evicts, owner: c.Owner, arrived: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	q.capacity.Store(within(c.Capacity))
	if runtime.GOMAXPROCS(0) > 1 {
		q.spins = spins
	}
	return q
}

var (
	errQueueUsed = errors.New("a Queue serves one run: make one for each")
	errQueueZero = errors.New("a Queue that is a zero value: make one by NewQueue")
)

// Run calls next on a goroutine of its own, queues its items and delivers them to
// the consumer on this one. It returns when the producer has ended and its items
// are delivered: with the producer's error, nil if the consumer has stopped.
//
// When the consumer stops or panics, or ctx ends, the producer's context is
// cancelled and Run waits for the producer, as a stream without a queue waits
// for its handler. An ended ctx is an error at once; what is queued is abandoned.
// A panic in the producer goes on here, after its items, with a [*PanicError];
// [runtime.Goexit] becomes [ErrGoexit].
//
// Called for a request or a notification, Run calls next. A Queue can be run once.
func (q *Queue) Run(ctx context.Context, c Call, next Next) error {
	if c.Kind() != KindStream {
		return next(ctx, c)
	}
	if q.room == nil {
		return c.fail("queue", errQueueZero)
	}
	if !q.used.CompareAndSwap(false, true) {
		return c.fail("queue", errQueueUsed)
	}
	b, list, err := q.join(c)
	if err != nil {
		return c.fail("queue", err)
	}
	defer list.remove(q)
	return b.run(ctx, next)
}

// join makes the queue one of those of c's stream.
func (q *Queue) join(c Call) (boundary, *queueList, error) {
	if err := c.f.lock(c.id); err != nil {
		return nil, nil, err
	}
	defer c.f.unlock()
	stream := c.f.content.(interface {
		boundary(q *Queue, c Call) boundary
		queueList() *queueList
	})
	b, list := stream.boundary(q, c), stream.queueList()
	list.add(listed{q, b, c.id & flagMask})
	return b, list, nil
}

// boundary is a queue with the type of its items.
type boundary interface {
	run(ctx context.Context, next Next) error
	stopped() bool
	// settle waits for the consumer to deliver no more, whose call is over.
	settle()
}

// Counts returns what has become of the items so far.
func (q *Queue) Counts() QueueCounts { return q.countsIn(manyLooks) }

func (q *Queue) countsIn(looks int) QueueCounts {
	closed, base := q.closed.Load(), q.base.Load()
	tail, head := q.endsIn(looks)
	depth := uint32(tail) - uint32(head>>32)
	c := QueueCounts{Dropped: q.dropped.Load(), Skipped: q.skipped.Load(), Abandoned: q.refused.Load(), Queued: int(depth)}
	c.Delivered = base + uint64(uint32(head)-uint32(base))
	c.Dropped += tail - uint64(depth) - c.Delivered
	if closed {
		c.Abandoned += uint64(depth)
		c.Queued = 0
	}
	c.Produced = c.Delivered + c.Dropped + c.Skipped + c.Abandoned + uint64(c.Queued)
	return c
}

// manyLooks is how often to look for a moment at which both ends stand still.
const manyLooks = 1000

// endsIn returns tail and head as they were at one moment: one of them had not
// changed when the other was read. While both sides run fast that may not happen;
// then tail is a little older than head.
func (q *Queue) endsIn(looks int) (tail, head uint64) {
	for range looks {
		was := q.head.Load()
		tail = q.tail.Load()
		if head = q.head.Load(); head == was || q.tail.Load() == tail {
			return tail, head
		}
	}
	tail = q.tail.Load()
	head = q.head.Load()
	// What was taken or dropped between the two had been put there: then tail was at
	// least where head is now.
	if passed := int32(uint32(head>>32) - uint32(tail)); passed > 0 {
		tail += uint64(passed)
	}
	return tail, head
}

// Capacity returns how many items the queue holds at most.
func (q *Queue) Capacity() int { return int(q.capacity.Load()) }

// SetCapacity changes the capacity; less than 1 is 1, and more than 2^31-1 is that.
// Nothing is dropped for it: a queue that holds more takes up no item until it holds
// less.
func (q *Queue) SetCapacity(n int) {
	q.capacity.Store(within(n))
	q.wakeProducer()
}

// within is a capacity that positions of 32 bits can count.
func within(capacity int) int64 { return min(max(1, int64(capacity)), math.MaxInt32) }

// Owner returns [QueueConfig].Owner.
func (q *Queue) Owner() any { return q.owner }

// Depth returns how many items are queued. For Admit, see [Queue.Reaches].
func (q *Queue) Depth() int {
	tail, head := q.endsIn(manyLooks)
	return int(uint32(tail) - uint32(head>>32))
}

// Reaches tells whether at least depth items are queued. It is for Admit, and
// cheaper than [Queue.Depth]: as long as the answer is no, it mostly need not look
// where the consumer is.
func (q *Queue) Reaches(depth int) bool {
	return int64(q.next-q.seen) >= int64(depth) && int64(q.next-q.look()) >= int64(depth)
}

// look returns the position of the first item.
func (q *Queue) look() uint64 {
	q.seen = q.next - uint64(uint32(q.next)-uint32(q.head.Load()>>32))
	return q.seen
}

// Fail ends the run with err: the item is dropped, what is queued is delivered
// first. It is for Admit to return: behaviors inside see a consumer that stopped,
// those outside see err. It panics if err is nil: the stream would look complete.
func (q *Queue) Fail(err error) Verdict {
	if err == nil {
		panic("mediator: Fail of a Queue without an error: the stream would look complete; to leave an item out there is Drop")
	}
	q.failure = err
	return failed
}
