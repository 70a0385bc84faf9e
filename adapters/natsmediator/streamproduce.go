package natsmediator

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
)

const (
	headRoom = 1 + binary.MaxVarintLen64 // what a message's kind and number need at most
	outHead  = headRoom + lengthRoom     // where the first item of out stands
)

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
	if body == 0 || before < max(2, p.terms.window/4) || before+uint64(p.held)+1 >= p.terms.window || p.size > heldBytes {
		return false
	}
	p.lengthen(p.size)
	p.held++
	p.frame = p.size
	p.begin()
	return true
}

// lengthen writes the length of the last frame, which ends there.
func (p *producer) lengthen(end int) {
	binary.BigEndian.PutUint32(p.out[p.frame:], uint32(end-p.frame-lengthRoom))
}

// begin begins the last frame, where the one before it ended, on the handler's goroutine
// and with the lock held.
func (p *producer) begin() {
	p.items, p.size = 0, p.frame+lengthRoom
	p.room = min(p.size+frameByteLimit, p.limit)
	p.filled.Store(int64(p.size))
}

// flush sends what there is as soon as the window allows, and begins anew.
func (p *producer) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.unsent() && p.sent.Load()-p.consumed.Load() >= p.terms.window { // never with frames that are held, see hold
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
	frames, used := p.held, uint64(p.held)
	if body := filled - p.frame - lengthRoom; body > 0 {
		p.lengthen(filled)
		frames++
		used += units(body)
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
	p.sent.Add(used)
	// The frame goes on as one of its own, whose length stands where this one ended.
	p.begun, p.frame, p.held = filled-lengthRoom, filled-lengthRoom, 0
	return p.nc.PublishRequest(p.to, p.control, p.out[from-n:end])
}

// empty begins with nothing unsent, on the handler's goroutine and with the lock held.
func (p *producer) empty() {
	p.begun, p.frame, p.held = headRoom, headRoom, 0
	if len(p.out) > 4*frameByteLimit { // one large item is no reason to hold on to its room
		p.out = make([]byte, outHead+frameByteLimit)
	}
	p.begin()
}
