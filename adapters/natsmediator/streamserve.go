package natsmediator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/nats-io/nats.go"
)

// stream opens a stream, on a goroutine of its own.
func (e *endpoint) stream(msg *nats.Msg) error {
	t, err := readTerms(msg.Header)
	if err != nil {
		return err
	}
	if e.s.streams.Add(1) > int64(e.s.config.streams) {
		e.s.streams.Add(-1)
		return fmt.Errorf("%w: %d streams are open", behaviors.ErrFull, e.s.config.streams)
	}
	c, err := e.open(msg, 0)
	if err != nil {
		e.s.streams.Add(-1)
		return err
	}
	e.s.workers.running.Go(func() { e.produce(c, t) })
	return nil
}

// produce runs the handler and sends its items, its end or its error.
func (e *endpoint) produce(c *call, t terms) {
	p := newProducer(e.s.node.nc, c, t)
	err := e.goexit
	defer func() {
		if v := recover(); v != nil {
			err = e.panicked(v)
		}
		if sendErr := p.finish(err, e.s.node.wire); sendErr != nil {
			e.s.node.config.log.Warn("natsmediator: end of stream not sent", "service", e.s.name, "message", e.name, "error", sendErr)
		}
		e.s.streams.Add(-1)
		e.close(c, err)
	}()
	if startErr := p.start(); startErr != nil {
		err = startErr
		return
	}
	decoded := func(target any) error { return decode(c.codec, c.msg.Data, target) }
	err = mediator.DispatchItems(p.ctx, e.s.m, e.name, decoded, p.send())
	err = errors.Join(asked(err), p.failed)
}

// producer is the sending side of one run of a stream.
type producer struct {
	nc       *nats.Conn
	codec    Codec
	encode   func(dst []byte, address any) ([]byte, error)
	to       string // the consumer's inbox
	control  string // ours
	sub      *nats.Subscription
	terms    terms
	limit    int // bytes of a message that the server lets through
	ctx      context.Context
	cancel   context.CancelCauseFunc
	heard    atomic.Int64 // when the consumer was last heard of, in nanoseconds since start
	began    time.Time
	beating  sync.WaitGroup
	credited chan struct{}

	// Of the handler's goroutine. An item is written behind the others without a
	// lock, and counts as soon as filled says so.
	items  int   // in the frame
	size   int   // of out
	room   int   // what size may grow to without another frame
	failed error // why an item could not be sent

	// Written with the lock, read without.
	filled   atomic.Int64  // size, as of the last whole item
	sent     atomic.Uint64 // units
	consumed atomic.Uint64 // units

	// out holds the frames that are not sent yet, the last of which goes on: each
	// behind the room for its length, the first behind that for a message's head too.
	mu     sync.Mutex
	out    []byte
	begun  int    // where the first of these frames begins, with its length
	frame  int    // where the last one does
	held   int    // how many frames are before the last
	owed   uint64 // their units
	number uint64 // of the last frame that was sent
	gone   bool   // the consumer wants no more, or is not there any more
}

// headRoom is what a message's kind and number need at most.
const headRoom = 1 + binary.MaxVarintLen64

func newProducer(nc *nats.Conn, c *call, t terms) *producer {
	p := &producer{
		nc: nc, codec: c.codec, encode: itemAppender(c.codec), to: c.msg.Reply, control: nc.NewInbox(), terms: t, limit: int(nc.MaxPayload()),
		began: time.Now(), credited: make(chan struct{}, 1), out: make([]byte, 1024),
	}
	p.empty()
	p.ctx, p.cancel = context.WithCancelCause(c.ctx)
	return p
}

// start listens to the consumer and tells it where.
func (p *producer) start() (err error) {
	if p.sub, err = p.nc.Subscribe(p.control, p.controlled); err != nil {
		return err
	}
	if err := p.nc.PublishRequest(p.to, p.control, appendFrame(nil, frameBeat, 0)); err != nil {
		return err
	}
	p.beating.Go(p.beat)
	return nil
}

// controlled is given what the consumer sends, and the server's word that it is
// not there any more.
func (p *producer) controlled(msg *nats.Msg) {
	if isNoResponders(msg) {
		p.leave(fmt.Errorf("%w: the consumer is gone", ErrConnection))
		return
	}
	kind, consumed, err := parseControl(msg.Data)
	if err != nil {
		return // whoever sent it, not the consumer; if it is, it falls silent
	}
	p.heard.Store(int64(time.Since(p.began)))
	if kind == controlStop {
		p.leave(fmt.Errorf("%w: the consumer stopped", context.Canceled))
		return
	}
	if err := p.credit(consumed); err != nil {
		p.leave(err)
	}
}

// credit notes what the consumer has used up. If that is all that was sent, it has
// nothing left to do, and gets what there is.
func (p *producer) credit(consumed uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent.Load()
	if consumed <= p.consumed.Load() || consumed > sent {
		return nil
	}
	p.consumed.Store(consumed)
	select {
	case p.credited <- struct{}{}:
	default:
	}
	if consumed == sent {
		return p.publish()
	}
	return nil
}

// leave ends the run because of the consumer.
func (p *producer) leave(why error) {
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	p.cancel(why)
}

// beat tells the consumer that the handler is at work, and notices when the
// consumer has fallen silent.
func (p *producer) beat() {
	ticker := time.NewTicker(p.terms.heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-ticker.C:
		}
		if silent := time.Since(p.began) - time.Duration(p.heard.Load()); silent > p.terms.silence() {
			p.leave(fmt.Errorf("%w: the consumer has been silent for %v", ErrConnection, silent.Round(time.Millisecond)))
			return
		}
		p.mu.Lock()                                                                     // no frame may come between
		_ = p.nc.PublishRequest(p.to, p.control, appendFrame(nil, frameBeat, p.number)) // a missing one is noticed over there
		p.mu.Unlock()
	}
}

// send returns what puts an item, of which it gets the address, into the frame, and
// tells whether it could; if not, failed says why. It is called on the handler's
// goroutine alone. While the window is used up, it waits.
//
// A frame goes when it is full, or when the consumer has used up all that was sent:
// so under load they are full, and without load no item waits. A full one is held for
// others to go with it while the consumer has much before it.
//
//go:noinline // for the atomic operations in the closure to be inlined
func (p *producer) send() func(item any) bool {
	return func(item any) bool {
		// Most items are encoded where they will stand, behind a length of one byte.
		at := min(p.size+1, len(p.out))
		data, err := p.encode(p.out[at:at], item)
		if need := len(data) + binary.MaxVarintLen64; err != nil || p.size+need > min(p.room, len(p.out)) {
			if p.failed = p.makeRoom(item, need, err); p.failed != nil {
				return false
			}
		}
		if n := len(data); n > 0 && n < 0x80 && &data[0] == &p.out[p.size+1] {
			p.out[p.size] = byte(n)
			p.size += 1 + n
		} else {
			p.put(data)
		}
		p.items++
		// Before the look at consumed, as credit has it the other way around: one of
		// the two sees the other.
		p.filled.Store(int64(p.size))
		if p.items == frameItemLimit || p.size >= p.room || p.consumed.Load() == p.sent.Load() {
			p.failed = p.ended()
		}
		return p.failed == nil
	}
}

// makeRoom makes room for need bytes more, or tells why the item cannot be sent.
func (p *producer) makeRoom(item any, need int, err error) error {
	if err != nil {
		return fmt.Errorf("encode %v as %s: %w", reflect.TypeOf(item).Elem(), p.codec.ContentType(), err)
	}
	if outHead+need > p.limit {
		return fmt.Errorf("an item of %d bytes is %w of %d bytes", need-binary.MaxVarintLen64, ErrTooLarge, p.limit)
	}
	if p.size > outHead && p.size+need > p.room {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.size+need > len(p.out) {
		p.mu.Lock()
		p.out = append(make([]byte, 0, 2*p.size+need), p.out[:p.size]...)
		p.out = p.out[:cap(p.out)]
		p.mu.Unlock()
	}
	return nil
}

// put writes data and its length behind the frame's items.
func (p *producer) put(data []byte) {
	var size [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(size[:], uint64(len(data)))
	copy(p.out[p.size+n:], data) // first, for it may stand where its length goes
	copy(p.out[p.size:], size[:n])
	p.size += n + len(data)
}

// ended ends the frame: it is held, or sent with those that are.
func (p *producer) ended() error {
	if !p.hold() {
		return p.flush()
	}
	return nil
}

// hold begins another frame behind this one, and tells whether it did: only if the
// consumer has as much before it as it grants at a time, the message is not large yet,
// and the window has room for one frame more. Since that much is not used up, a credit
// is still to come that sends what is held.
func (p *producer) hold() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	body := p.size - p.frame - lengthRoom
	before := p.sent.Load() - p.consumed.Load()
	owed := p.owed + units(body)
	if body == 0 || before < max(2, p.terms.window/4) || before+owed >= p.terms.window || p.size > heldBytes {
		return false
	}
	p.lengthen(p.size)
	p.held, p.owed = p.held+1, owed
	p.frame = p.size
	p.begin()
	return true
}

// lengthen writes the length of the last frame, which ends there.
func (p *producer) lengthen(end int) {
	binary.BigEndian.PutUint32(p.out[p.frame:], uint32(end-p.frame-lengthRoom))
}

// begin begins the last frame, where the one before it ended, on the handler's goroutine and with the lock held.
func (p *producer) begin() {
	p.items, p.size = 0, p.frame+lengthRoom
	p.room = min(p.size+frameByteLimit, p.limit)
	p.filled.Store(int64(p.size))
}

// flush sends what there is as soon as the window allows, and begins anew.
func (p *producer) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.unsent() && p.sent.Load()+p.owed-p.consumed.Load() >= p.terms.window {
		p.mu.Unlock()
		select {
		case <-p.credited:
		case <-p.ctx.Done():
		}
		p.mu.Lock()
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
	}
	err := p.publish()
	p.empty()
	return err
}

// unsent tells whether there is an item that is not sent, with the lock held.
func (p *producer) unsent() bool { return int(p.filled.Load()) > p.begun+lengthRoom }

// publish sends what is not sent yet, with the lock held.
func (p *producer) publish() error {
	if !p.unsent() {
		return nil
	}
	filled := int(p.filled.Load())
	kind, from, end := byte(frameItems), p.begun+lengthRoom, filled
	frames := p.held
	if body := filled - p.frame - lengthRoom; body > 0 {
		p.lengthen(filled)
		frames++
		p.owed += units(body)
	} else {
		end = p.frame
	}
	if frames > 1 {
		kind, from = manyFrames, p.begun
	}
	var head [headRoom]byte
	n := len(appendFrame(head[:0], kind, p.number+1))
	copy(p.out[from-n:], head[:n])
	p.number += uint64(frames)
	p.sent.Add(p.owed)
	// The frame goes on as one of its own, whose length stands where this one ended.
	p.begun, p.frame, p.held, p.owed = filled-lengthRoom, filled-lengthRoom, 0, 0
	return p.nc.PublishRequest(p.to, p.control, p.out[from-n:end])
}

// outHead is where the first item of out stands.
const outHead = headRoom + lengthRoom

// empty begins with nothing unsent, on the handler's goroutine and with the lock held.
func (p *producer) empty() {
	p.begun, p.frame, p.held, p.owed = headRoom, headRoom, 0, 0
	if len(p.out) > 4*frameByteLimit { // one large item is no reason to hold on to its room
		p.out = make([]byte, outHead+frameByteLimit)
	}
	p.begin()
}

// finish sends what is left and how the stream ended, and leaves nothing behind.
func (p *producer) finish(err error, w *wire) error {
	sendErr := p.last(err, w)
	p.cancel(nil)
	p.beating.Wait()
	if p.sub != nil {
		sendErr = errors.Join(sendErr, p.sub.Unsubscribe())
	}
	return ignoreClosed(sendErr)
}

func (p *producer) last(err error, w *wire) error {
	p.mu.Lock()
	gone := p.gone
	p.mu.Unlock()
	if !gone { // also if cancelled: what cannot be sent must not look as if it had never been
		if flushErr := p.flush(); err == nil {
			err = flushErr
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = int(p.filled.Load()) // nothing may come behind the end
	p.number++
	switch {
	case p.gone:
		return nil
	case err == nil:
		return p.nc.PublishRequest(p.to, p.control, appendFrame(nil, frameEnd, p.number))
	default:
		data, _ := w.errorBytes(err)
		return p.nc.PublishRequest(p.to, p.control, append(appendFrame(nil, frameError, p.number), data...))
	}
}
