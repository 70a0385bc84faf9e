package natsmediator

import (
	"context"
	"errors"
	"fmt"
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
	held   int    // how many frames are before the last, of a unit each
	number uint64 // of the last frame that was sent
	gone   bool   // the consumer wants no more, or is not there any more
}

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
