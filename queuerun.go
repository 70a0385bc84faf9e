package mediator

import (
	"context"
	"errors"
	"math/bits"
	"reflect"
	"sync/atomic"

	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// pump is a [Queue] with items of type T: its producer's outlet, and what takes
// the items on to the outlet of the consumer.
type pump[T any] struct {
	q *Queue

	// Of the producer.
	ring     *ring[T] // where it puts items
	slots    []T      // those of ring
	size     uint64   // len(slots)
	out      *outlet[T]
	done     chan struct{} // closed when it has ended
	err      error         // valid then
	panicked *PanicError   // valid then

	_ [64]byte

	// Of the consumer.
	c       Call
	from    *ring[T] // where the consumer takes items
	head    uint64   // the first item's position and the number taken, see Queue
	count   uint64   // items taken
	tail    uint32   // when it looked last
	target  *outlet[T]
	taps    *tap
	holding bool // target's turn
	inBody  bool
	closeBy int  // looks in a row that found few items
	clears  bool // T may hold pointers

	_ [64]byte
}

// ring holds the items from a position on, in the place that their position gives.
// When it is too small a larger one follows it, so nothing is moved.
type ring[T any] struct {
	slots []T
	first uint64
	next  atomic.Pointer[ring[T]]
}

const (
	leastRing  = 16
	baseEvery  = 1 << 30
	fewItems   = 128
	closeLooks = 4
)

func newPump[T any](q *Queue, c Call, out *outlet[T]) *pump[T] {
	p := &pump[T]{q: q, c: c, target: out, taps: c.taps, done: make(chan struct{}), clears: mayPoint(reflect.TypeFor[T]())}
	if t := c.taps.boundary(); t != nil {
		p.target, p.taps = t.inner.(*pump[T]).out, c.taps.upTo(t)
	}
	p.out = &outlet[T]{turn: make(chan struct{}, 1), yield: p.push, queues: out.queues}
	p.from = newRing[T](sizeFor(min(q.Capacity(), leastRing-1)), 0)
	p.use(p.from)
	return p
}

// sizeFor is a ring's size for n items, and one that is being read.
func sizeFor(n int) int { return 1 << bits.Len(uint(n)) }

// mayPoint tells whether a T that is left in a slot could keep something alive.
func mayPoint(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return mayPoint(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if mayPoint(f.Type) {
				return true
			}
		}
		return false
	}
	return true
}

// run is [Queue.Run].
func (p *pump[T]) run(ctx context.Context, next Next) error {
	if p.target.done() {
		return nil
	}
	produce, cancel := context.WithCancel(ctx)
	p.q.quit = produce.Done()
	go p.produce(produce, next)
	err := p.consume(ctx, cancel)
	if p.panicked != nil {
		p.target.turn <- struct{}{}
		p.target.broken = true
		<-p.target.turn
		panic(p.panicked)
	}
	switch {
	case wrapped.Is(err, errConsumerStopped):
		return nil
	case err != nil && p.err != nil && ctx.Err() != nil && wrapped.Is(p.err, ctx.Err()):
		return p.err // the same, in the producer's words
	case err != nil:
		return err
	case p.q.failure != nil:
		return p.q.failure
	}
	return p.err
}

// produce runs the producer.
func (p *pump[T]) produce(ctx context.Context, next Next) {
	defer close(p.done)
	defer p.q.end()
	defer func() {
		if v := recover(); v != nil {
			p.panicked = newPanicError(v)
		}
	}()
	p.err = ErrGoexit
	c := p.c
	c.taps = &tap{inner: p, outer: c.taps}
	err := next(ctx, c)
	p.err = err
	if p.out.panicked { // in Admit, and a behavior has recovered it
		panic(p.out.panicValue)
	}
}

// errConsumerStopped: consume delivers no more because the consumer wants no more.
var errConsumerStopped = errors.New("the consumer has stopped")

// consume delivers items until there are no more, and returns why it ended before.
// When it returns, or is left by a panic, the producer has ended.
func (p *pump[T]) consume(ctx context.Context, cancel context.CancelFunc) error {
	defer func() {
		p.q.consumer.Store(left)
		p.q.wakeProducer()
		cancel()
		<-p.done
		p.q.closed.Store(true)
	}()
	defer p.leaveBody()
	q := p.q
	for {
		if p.tail == uint32(p.head>>32) {
			ended := q.ended.Load()
			p.look()
			switch {
			case p.tail != uint32(p.head>>32):
				p.fallBack()
			case ended:
				return nil
			case ctx.Err() != nil:
				return ending.Of(ctx)
			case !q.spin(p.tail):
				p.giveTurn()
				p.closeBy = 0
				q.sleep(ctx, p.tail)
			}
			continue
		}
		if ctx.Err() != nil {
			return ending.Of(ctx)
		}
		if s := p.c.f.state.Load(); ((s^p.c.id)>>attemptShift != 0 || s&endedMask != 0) && !p.c.f.alive(p.c.id, s) {
			return p.c.fail("queue", ErrCallOver)
		}
		if !p.holding {
			p.target.turn <- struct{}{}
			p.holding = true
			if p.target.stopped || p.target.inBody {
				return errConsumerStopped
			}
			continue
		}
		if item, ok := p.take(); ok && !p.deliver(item) {
			return errConsumerStopped
		}
	}
}

// look reads where the queue begins, and then where it ends.
func (p *pump[T]) look() {
	p.head = p.q.head.Load()
	p.tail = uint32(p.q.tail.Load())
}

// fallBack lets the producer get ahead when the consumer has been close behind it
// for a while. The processor reads ahead of the consumer, and would take from the
// producer the very lines of memory that it is about to fill. A producer that
// pauses is not waited for.
func (p *pump[T]) fallBack() {
	if p.queued() >= fewItems {
		p.closeBy = 0
		return
	}
	if p.closeBy++; p.closeBy < closeLooks {
		return
	}
	p.closeBy = 0
	for range 16 {
		had := p.tail
		p.q.linger()
		if p.look(); p.tail == had || p.queued() >= fewItems {
			return
		}
	}
}

// queued returns how many items there were when it looked last.
func (p *pump[T]) queued() uint32 { return p.tail - uint32(p.head>>32) }

// deliver gives an item to the outlet of the consumer.
func (p *pump[T]) deliver(item T) bool {
	for t := p.taps; t != nil; t = t.outer {
		if t.keep == nil {
			t.f()
		} else if !t.keep() {
			return true
		}
	}
	p.inBody = true
	more := p.target.yield(item, nil)
	p.inBody = false
	if !more {
		p.target.stopped = true
	}
	return more
}

// leaveBody notes a panic of the loop body, so that it goes on where the loop is,
// should a behavior recover it, and gives the turn back.
func (p *pump[T]) leaveBody() {
	defer p.giveTurn()
	if !p.inBody {
		return
	}
	p.target.inBody = true
	if v := recover(); v != nil {
		p.target.panicked, p.target.panicValue = true, v
		panic(v)
	}
}

func (p *pump[T]) giveTurn() {
	if p.holding {
		p.holding = false
		<-p.target.turn
	}
}

// take takes the first item, if it is still there.
func (p *pump[T]) take() (item T, ok bool) {
	q := p.q
	head := p.head
	position := head >> 32
	next := uint64(uint32(position)+1)<<32 | uint64(uint32(head)+1)
	if q.evicts {
		q.reading.Store(position<<1 | 1)
		if !q.head.CompareAndSwap(head, next) {
			q.reading.Store(0)
			p.look()
			return item, false
		}
	}
	r := p.from
	for after := r.next.Load(); after != nil && int32(uint32(position)-uint32(after.first)) >= 0; after = r.next.Load() {
		r = after
		p.from = r
	}
	slot := &r.slots[position&uint64(len(r.slots)-1)]
	item = *slot
	if p.clears {
		var zero T
		*slot = zero
	}
	p.count++
	if q.evicts {
		q.reading.Store(0)
	} else {
		q.head.Store(next)
	}
	p.head = next
	if p.count%baseEvery == 0 {
		q.base.Store(p.count)
	}
	q.taken(uint32(next>>32), p.tail)
	return item, true
}

func (p *pump[T]) settle() { p.target.wait() }

func (p *pump[T]) stopped() bool { return p.out.done() && !p.out.broken }
