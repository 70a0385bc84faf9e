package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nuid"
)

// RemoteOption is about one [Remote] or [RemoteStream].
type RemoteOption interface {
	applyRemote(c *remoteConfig)
}

type remoteConfig struct {
	major     int
	timeout   time.Duration
	encoding  string
	handler   []mediator.HandlerOption
	window    int
	heartbeat time.Duration
}

type remoteOption func(c *remoteConfig)

func (f remoteOption) applyRemote(c *remoteConfig) { f(c) }

// Use puts behaviors around the remote call, as mediator.Use does around a
// handler.
func Use(bs ...mediator.Behavior) RemoteOption { return handlerOption(mediator.Use(bs...)) }

// Named gives the message its name, as mediator.Named does: the name by which the
// service knows it.
func Named(name string) RemoteOption { return handlerOption(mediator.Named(name)) }

func handlerOption(o mediator.HandlerOption) RemoteOption {
	return remoteOption(func(c *remoteConfig) { c.handler = append(c.handler, o) })
}

// Encoding has requests sent, and answered, by the codec of a content type: one of
// [JSON], the default, of [Binary], or of the node's [Codecs].
func Encoding(contentType string) RemoteOption {
	return remoteOption(func(c *remoteConfig) { c.encoding = contentType })
}

// Remote is a mediator.Handle whose handler is elsewhere: a request of type Q
// goes to an instance of the service that [Serve] offers, and its response, or
// its error, a [*RemoteError], comes back.
//
// The deadline of the caller's context, or [Timeout], holds over there too, less
// what has passed by then. When the context is cancelled, so is the handler's, and
// the call returns at once. If the caller's process dies, the handler runs on
// until the deadline.
//
// A call that no instance takes is mediator.ErrNoHandler, at once, and one while the
// node has no connection [ErrConnection]: neither has reached a handler. One that gets
// no answer in time is context.DeadlineExceeded: then the handler may have run. One that
// does not fit into a message of the server's, in either direction, is [ErrTooLarge].
//
// The time that a request is on its way does not count over there: one that the network
// holds up, rather than loses, runs late.
//
// It panics if the options make no sense, or if the service's name is not made of
// letters, digits, dashes and underscores.
func Remote[Q mediator.Request[R], R any](n *Node, service string, opts ...RemoteOption) mediator.Option {
	c := newRemoteConfig("Remote", n, service, opts)
	if c.window > 0 || c.heartbeat > 0 {
		panic("natsmediator: Remote: Window and Heartbeat make no sense on a request")
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	nilable := reflect.TypeFor[R]().Kind() == reflect.Interface
	// Each mediator gets its own, for the name is the mediator's.
	return mediator.Bind(func(*mediator.Mediator) mediator.Option {
		r := newRemote(n, service, c, Subject)
		return mediator.Handle(func(ctx context.Context, q Q) (response R, err error) {
			codec, data, err := r.call(ctx, q, c.timeout)
			if err != nil {
				return response, err
			}
			if _, none := any(response).(mediator.None); none {
				return response, nil
			}
			if nilable && len(data) == 0 { // a nil has no type to be encoded by
				return response, nil
			}
			if err := decode(codec, data, &response); err != nil {
				var zero R
				return zero, n.wire.malformedReply(service, r.target.Load().name, err)
			}
			return response, nil
		}, append(slices.Clone(c.handler), mediator.Use(r))...)
	})
}

func newRemoteConfig(op string, n *Node, service string, opts []RemoteOption) remoteConfig {
	checkToken(op, service)
	if n == nil {
		panic(fmt.Sprintf("natsmediator: %s: the node is nil", op))
	}
	c := remoteConfig{major: 1}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("natsmediator: %s: option %d of %d is nil", op, i+1, len(opts)))
		}
		o.applyRemote(&c)
	}
	if _, err := n.wire.codecs.find(c.encoding); err != nil {
		panic(fmt.Sprintf("natsmediator: %s: Encoding: %v: give it to the node by Codecs", op, err))
	}
	return c
}

// remote is what a mediator has in place of a handler. It is also the innermost
// behavior around that: to be found in the wiring, and to learn the message's
// name.
type remote struct {
	n       *Node
	service string
	codec   Codec
	major   int
	subject func(namespace, service, name string, major int) string
	target  atomic.Pointer[target] // set by the first call
}

// target is where calls go.
type target struct {
	name, subject string
	attributes    attributes
}

func newRemote(n *Node, service string, c remoteConfig, subject func(namespace, service, name string, major int) string) *remote {
	codec, err := n.wire.codecs.find(c.encoding)
	if err != nil {
		panic(err) // newRemoteConfig has looked
	}
	return &remote{n: n, service: service, codec: codec, major: c.major, subject: subject}
}

// Wrap learns the message's name.
func (r *remote) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if r.target.Load() == nil {
			name := c.Name()
			r.target.Store(&target{name: name, subject: r.subject(r.n.ns, r.service, name, r.major),
				attributes: newAttributes(name, r.codec.ContentType())})
		}
		return next(ctx, c)
	}
}

// BehaviorName says where the message is handled.
func (r *remote) BehaviorName() string { return "remote service " + r.service }

func isRemote(b mediator.Behavior) bool {
	_, ok := b.(*remote)
	return ok
}

// message returns a request and its id.
func (r *remote) message(ctx context.Context, q any) (*nats.Msg, string, error) {
	if ctx.Err() != nil {
		return nil, "", r.ended(ctx)
	}
	if r.n.nc.IsReconnecting() { // the client would keep it, and send it when nobody waits for it any more
		return nil, "", r.fail(r.n.disconnected())
	}
	data, err := encode(r.codec, nil, q)
	if err != nil {
		return nil, "", r.fail(err)
	}
	t, id := r.target.Load(), nuid.Next()
	msg := &nats.Msg{Subject: t.subject, Data: data, Header: r.n.wire.header(ctx, t.attributes, id)}
	if deadline, ok := ctx.Deadline(); ok {
		setTimeout(msg.Header, time.Until(deadline))
	}
	return msg, id, nil
}

// call sends q and returns the bytes of the response and whose they are.
func (r *remote) call(ctx context.Context, q any, limit time.Duration) (Codec, []byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	msg, id, err := r.message(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	reply, err := r.n.nc.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return nil, nil, r.unanswered(ctx, id, msg, err)
	}
	if len(reply.Header) == 0 {
		return r.codec, reply.Data, nil
	}
	if reply.Header.Get(micro.ErrorCodeHeader) != "" {
		return nil, nil, r.n.wire.remoteError(r.service, r.target.Load().name, reply.Data)
	}
	codec := r.codec
	if contentType := reply.Header.Get(headerContentType); contentType != "" {
		if codec, err = r.n.wire.codecs.find(contentType); err != nil {
			return nil, nil, r.n.wire.malformedReply(r.service, r.target.Load().name, err)
		}
	}
	return codec, reply.Data, nil
}

// unanswered is the error of a request that got no reply.
func (r *remote) unanswered(ctx context.Context, id string, msg *nats.Msg, err error) error {
	t := r.target.Load()
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return noService(r.service, t.name, t.subject)
	case ctx.Err() == nil, errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrConnectionClosed):
		return r.unsent(msg, err)
	}
	// What is over time ends there by itself, unless the connection broke just as it was
	// sent: then the client sends it with the next one, and this right behind it.
	if errors.Is(ctx.Err(), context.Canceled) || r.n.nc.IsReconnecting() {
		r.cancel(id)
	}
	return r.ended(ctx)
}

// unsent is the error of a request that the client did not take.
func (r *remote) unsent(msg *nats.Msg, err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		headers := msg.Size() - len(msg.Subject) - len(msg.Reply) - len(msg.Data)
		return r.fail(tooLarge(err, fmt.Sprintf("with headers of %d bytes, the request", headers), len(msg.Data), r.n.nc))
	case errors.Is(err, nats.ErrConnectionClosed):
		return r.fail(fmt.Errorf("%w: %w", errNodeClosed, err))
	case errors.Is(err, nats.ErrReconnectBufExceeded): // by the user's ClientOptions
		return r.fail(fmt.Errorf("%w: %w", r.n.disconnected(), err))
	}
	return r.fail(err)
}

// cancel has the handler's context cancelled, whichever instance has the call; without
// a connection, as soon as there is one again. If that cannot be sent, the handler's
// deadline is what is left.
func (r *remote) cancel(id string) {
	if err := r.n.nc.Publish(cancelSubject(r.n.ns, r.service), []byte(id)); err != nil {
		r.n.config.log.Warn("natsmediator: cancel not sent", "service", r.service, "error", err)
	}
}

// ended is the error of a call whose context has ended.
func (r *remote) ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return r.fail(r.n.whyLate(err, r.target.Load().subject))
}

func (r *remote) fail(err error) error {
	return fmt.Errorf("service %s: %s: %w", r.service, r.target.Load().name, err)
}
