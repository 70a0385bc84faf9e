package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/wrapped"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// endpoint is one message that a service offers.
type endpoint struct {
	s       *Service
	kind    mediator.Kind
	name    string
	subject string
	sub     *nats.Subscription
	goexit  error         // of a handler that ends its goroutine
	drained chan struct{} // closed once the subscription has ended
	ended   sync.Once

	mu    sync.Mutex
	stats micro.EndpointStats
}

func newEndpoint(s *Service, r mediator.Route) *endpoint {
	e := &endpoint{s: s, kind: r.Kind, name: r.Name, goexit: fmt.Errorf("%s: %w", r.Name, mediator.ErrGoexit), drained: make(chan struct{})}
	if r.Kind == mediator.KindStream {
		e.subject = StreamSubject(s.node.ns, s.name, r.Name, s.config.major)
	} else {
		e.subject = Subject(s.node.ns, s.name, r.Name, s.config.major)
	}
	e.stats = micro.EndpointStats{Name: r.Name, Subject: e.subject, QueueGroup: s.name}
	return e
}

func (e *endpoint) subscribe() error {
	sub, err := e.s.node.nc.ChanQueueSubscribe(e.subject, e.s.name, e.s.workers.messages)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", e.subject, err)
	}
	sub.SetClosedHandler(func(string) { e.ended.Do(func() { close(e.drained) }) })
	e.sub = sub
	return nil
}

// call is one request, or one request of a stream, that was admitted.
type call struct {
	e      *endpoint
	msg    *nats.Msg
	codec  Codec
	ctx    context.Context
	cancel context.CancelFunc
	end    func()
	start  time.Time
}

// open looks at what came and makes a call of it.
func (e *endpoint) open(msg *nats.Msg, limit time.Duration) (c *call, err error) {
	defer func() {
		if v := recover(); v != nil { // a Propagator's
			c, err = nil, e.panicked(v)
		}
	}()
	s := e.s
	if err := s.node.wire.check(msg.Header, e.name); err != nil {
		return nil, err
	}
	codec, err := s.node.wire.codecs.find(msg.Header.Get(headerContentType))
	if err != nil {
		return nil, err
	}
	left, ok, err := timeout(msg.Header)
	if err != nil {
		return nil, err
	}
	if !ok {
		left = limit
	}
	c = &call{e: e, msg: msg, codec: codec, start: time.Now()}
	parent := s.base
	if e.kind == mediator.KindStream {
		parent = s.flowing
	}
	c.ctx = s.node.wire.extract(parent, msg.Header)
	if left > 0 || ok {
		c.ctx, c.cancel = context.WithTimeout(c.ctx, left)
	} else {
		c.ctx, c.cancel = context.WithCancel(c.ctx)
	}
	end, ok := s.calls.begin(msg.Header.Get(headerID), c.cancel)
	if !ok {
		c.cancel()
		return nil, fmt.Errorf("%w: the caller gave up", context.Canceled)
	}
	c.end = end
	s.calls.count.Add(1)
	return c, nil
}

// close ends a call, however it went.
func (e *endpoint) close(c *call, err error) {
	c.end()
	c.cancel()
	e.s.calls.count.Add(-1)
	e.count(c.start, err)
}

// receive is given each message that comes.
func (e *endpoint) receive(msg *nats.Msg) {
	var err error
	switch {
	case msg.Reply == "":
		err = fmt.Errorf("%w: a request without a reply subject", ErrMalformed)
	case e.kind == mediator.KindStream:
		err = e.stream(msg)
	default:
		err = e.request(msg)
	}
	if err != nil {
		e.refuse(msg, err)
	}
}

func (e *endpoint) request(msg *nats.Msg) error {
	c, err := e.open(msg, e.s.config.timeout)
	if err != nil {
		return err
	}
	if !e.s.workers.admit(c) {
		err := fmt.Errorf("%w: %d requests are being handled and %d wait", behaviors.ErrFull, e.s.config.concurrency, e.s.config.queue)
		e.close(c, e.answer(c.msg, nil, err))
	}
	return nil
}

// handle runs the handler and answers, also if the handler panics or ends its
// goroutine.
func (e *endpoint) handle(c *call) {
	var data []byte
	err := e.goexit
	defer func() {
		if v := recover(); v != nil {
			err = e.panicked(v)
		}
		err = e.answer(c.msg, data, err)
		e.close(c, err)
	}()
	if c.ctx.Err() != nil {
		err = fmt.Errorf("%w before it was this request's turn", context.Cause(c.ctx))
		return
	}
	var response any
	response, err = mediator.Dispatch(c.ctx, e.s.m, e.name, func(target any) error { return decode(c.codec, c.msg.Data, target) })
	err = asked(err)
	switch ended := c.ctx.Err(); {
	case err == nil && response != nil:
		data, err = encode(c.codec, nil, response)
	case err != nil && ended != nil && wrapped.Is(err, ended) && !wrapped.Is(err, context.Cause(c.ctx)):
		err = fmt.Errorf("%w: %w", err, context.Cause(c.ctx)) // that the service was closed
	}
}

// panicked makes an error of a panic and tells the log, which is the only one to
// see the stack.
func (e *endpoint) panicked(v any) error {
	p, ok := v.(*mediator.PanicError)
	if !ok {
		p = &mediator.PanicError{Value: v, Stack: debug.Stack()}
	}
	e.s.node.config.log.Error("natsmediator: handler panicked", "service", e.s.name, "message", e.name, "panic", p.Value, "stack", string(p.Stack))
	return p
}

// answer sends a response or an error, and returns the error that was sent.
func (e *endpoint) answer(msg *nats.Msg, data []byte, err error) error {
	nc := e.s.node.nc
	if err == nil {
		err = tooLarge(nc.Publish(msg.Reply, data), "the response", len(data), nc)
		if err == nil {
			return nil
		}
	}
	if sendErr := nc.PublishMsg(e.s.node.wire.errorReply(msg.Reply, err)); sendErr != nil {
		e.s.node.config.log.Error("natsmediator: reply not sent", "service", e.s.name, "message", e.name, "error", sendErr)
	}
	return err
}

// refuse answers a message that did not become a call.
func (e *endpoint) refuse(msg *nats.Msg, err error) {
	start := time.Now()
	if msg.Reply != "" {
		err = e.answer(msg, nil, err)
	}
	e.count(start, err)
}

// tooLarge says how large is too large.
func tooLarge(err error, what string, size int, nc *nats.Conn) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%s of %d bytes is %w of %d bytes: %w", what, size, ErrTooLarge, nc.MaxPayload(), err)
	}
	return err
}

// count keeps the statistics that discovery shows.
func (e *endpoint) count(start time.Time, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.NumRequests++
	e.stats.ProcessingTime += time.Since(start)
	if err != nil {
		e.stats.NumErrors++
		e.stats.LastError = clip(err.Error(), 200)
	}
}
