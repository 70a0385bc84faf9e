package natsmediator

import (
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Node is this process's place among the others: a connection to NATS and, after
// [Embed], the server it goes to. Make one and share it; all of its use is safe
// for concurrent use. Close it after the mediators that use it.
type Node struct {
	ns     string
	config nodeConfig
	nc     *nats.Conn
	late   atomic.Bool // the first connection came after Connect, if at all
	stream jetstream.JetStream
	server *server.Server // nil after Connect
	unlock func() error   // nil after Connect
	wire   *wire

	ctx     context.Context // ends when everything tracked has been closed
	cancel  context.CancelFunc
	mu      sync.Mutex
	tracked [phases]map[*tracked]struct{}
	closing bool
	starts  sync.WaitGroup  // what begin began
	emptied bool            // nothing is tracked any more
	makings sync.WaitGroup  // what making began
	patient context.Context // of both; ends when Close does not wait any longer
	hurry   context.CancelFunc
	spawned sync.WaitGroup
	events  events // durable ones, of the mediators that use the node
	closed  chan struct{}
	err     error // of the first Close, valid once closed is closed
}

// phase is when something that a node owns is closed.
type phase int

const (
	intake phase = iota // takes messages in: stops, and finishes its handlers
	relay               // sends on what handlers left it
	phases
)

type tracked struct {
	close func(ctx context.Context) error
}

// connectTimeout is how long a new connection may take to be there.
const connectTimeout = 5 * time.Second

// A connection that is dead and does not say so, as behind a NAT that forgot it, is
// noticed by pings that are not answered: after 15 s, in place of the six minutes that
// the client's and the server's own defaults make.
const (
	pingInterval = 5 * time.Second
	pingsMissed  = 2
)

// Connect returns a node on a server or cluster that is there. url is as for
// nats.Connect: several servers are separated by commas. It fails if none of them
// is there within a few seconds; nats.RetryOnFailedConnect, given by
// [ClientOptions], has it go on trying in the background.
func Connect(url string, opts ...NodeOption) (*Node, error) {
	c := newNodeConfig("Connect", opts)
	n, err := connect(c, url)
	if err != nil {
		if _, ok := errors.AsType[*neturl.Error](err); ok {
			err = errAddress // in place of an error that quotes what it could not read
		}
		return nil, fmt.Errorf("natsmediator: connect to %s: %w", hideUsers(url), err)
	}
	return n, nil
}

var errAddress = errors.New("the address is no URL; in a user, password or token, characters such as / ? # % and commas have to be escaped")

// hideUsers is urls without names, passwords and tokens, and without all else where
// a comma or a scheme may be part of one.
func hideUsers(urls string) string {
	const hidden = "***"
	all := strings.Split(urls, ",")
	for i, u := range all {
		scheme, rest, found := strings.Cut(u, "://")
		if found {
			scheme += "://"
		} else {
			scheme, rest = "", u
		}
		switch end := strings.LastIndexByte(rest, '@'); {
		case strings.ContainsAny(strings.TrimSuffix(scheme, "://"), ":@/"), end >= 0 && !found && i > 0:
			return hidden
		case end >= 0:
			all[i] = scheme + hidden + rest[end:]
		}
	}
	return strings.Join(all, ",")
}

func connect(c nodeConfig, url string, opts ...nats.Option) (*Node, error) {
	if len(c.embedded) > 0 && len(opts) == 0 {
		return nil, fmt.Errorf("%s is about an embedded server: use Embed", c.embedded[0])
	}
	w, err := newWire(c)
	if err != nil {
		return nil, err
	}
	n := &Node{ns: c.namespace, config: c, wire: w, closed: make(chan struct{})}
	opts = append(opts, nats.Name("mediator "+c.namespace), nats.MaxReconnects(-1), nats.Timeout(connectTimeout),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(pingsMissed))
	opts = append(opts, n.reports()...)
	if n.nc, err = nats.Connect(url, append(opts, c.client...)...); err != nil {
		return nil, err
	}
	if !n.nc.IsConnected() { // nats.RetryOnFailedConnect
		n.late.Store(true)
		c.log.Warn("natsmediator: no server is there yet: it is tried again until one is")
	}
	if n.stream, err = jetstream.New(n.nc); err != nil {
		n.nc.Close()
		return nil, err
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.patient, n.hurry = context.WithCancel(context.Background())
	return n, nil
}

// URL is where others connect to: the address of an embedded server that has
// [Listen], the server that the node is connected to after Connect, "" if there
// is none.
func (n *Node) URL() string {
	if n.server == nil {
		return n.nc.ConnectedUrl()
	}
	if !n.config.listen {
		return ""
	}
	return n.server.ClientURL()
}

// Close ends the node in this order: what is starting has started; services and durable subscriptions take
// nothing new and finish what they have begun; what they left to be relayed is
// relayed; the connection is flushed and closed; an embedded server shuts down;
// its directory is given up. Then no goroutine of the node is left. Calls through
// a closed node fail with mediator.ErrClosed.
//
// When ctx ends, starts and handlers in progress are cancelled, and Close goes on; its error
// says what was not finished. The shutdown of an embedded server is waited for in
// any case, since only then the directory is free. A second Close waits for the
// first, and returns the same.
func (n *Node) Close(ctx context.Context) error {
	n.mu.Lock()
	first := !n.closing
	n.closing = true
	n.mu.Unlock()
	if first {
		n.err = n.close(ctx)
		close(n.closed)
	}
	select {
	case <-n.closed:
		return n.err
	case <-ctx.Done():
		return fmt.Errorf("natsmediator: close: %w", context.Cause(ctx))
	}
}

func (n *Node) close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, n.hurry)
	defer n.hurry()
	defer stop()
	n.starts.Wait()
	var errs []error
	for p := range phases {
		errs = append(errs, n.closeAll(ctx, p))
	}
	n.mu.Lock()
	n.emptied = true
	n.mu.Unlock()
	n.makings.Wait()
	n.cancel()
	n.spawned.Wait()
	errs = append(errs, n.disconnect(ctx))
	if n.server != nil {
		errs = append(errs, n.stopServer())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("natsmediator: close: %w", err)
	}
	return nil
}

// closeAll closes what is tracked in one phase, all at the same time.
func (n *Node) closeAll(ctx context.Context, p phase) error {
	n.mu.Lock()
	all := n.tracked[p]
	n.tracked[p] = nil
	n.mu.Unlock()
	results := make(chan error, len(all))
	for t := range all {
		go func() { results <- t.close(ctx) }()
	}
	var errs []error
	for range all {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// disconnect sends what is still buffered and closes the connection.
func (n *Node) disconnect(ctx context.Context) error {
	err := n.lastFlush(ctx)
	gone := make(chan struct{})
	own := n.nc.ClosedHandler() // of ClientOptions
	n.nc.SetClosedHandler(func(nc *nats.Conn) {
		defer close(gone)
		if own != nil {
			own(nc)
		}
	})
	if n.nc.IsClosed() {
		return err
	}
	n.nc.Close()
	<-gone
	return err
}

// flushPatience is how long one question to the server is waited for: a connection that
// breaks ahead of it would leave it open.
const flushPatience = 100 * time.Millisecond

// lastFlush waits until the server has all that was sent. One that is gone, as it may be
// closing too, is no error.
func (n *Node) lastFlush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for n.nc.IsConnected() && ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, flushPatience)
		err := n.nc.FlushWithContext(limited)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return ignoreClosed(err)
		}
	}
	return nil
}

// disconnected is the error of what is not sent for want of a connection.
func (n *Node) disconnected() error {
	if !n.nc.HeadersSupported() { // it knows no server
		return fmt.Errorf("%w: there has been none yet, and nothing was sent", ErrConnection)
	}
	return fmt.Errorf("%w: there is none at present, and nothing was sent", ErrConnection)
}

// js is JetStream on the node's connection.
func (n *Node) js() jetstream.JetStream { return n.stream }

// begin has [Node.Close] wait for end, ahead of all else: for a start, which is to have
// tracked what it made. What is begun heeds the context. The error is mediator.ErrClosed
// if the node is being closed.
func (n *Node) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return nil, nil, errNodeClosed
	}
	ctx, end = n.wait(ctx, &n.starts)
	return ctx, end, nil
}

// making is begin for the making of streams and consumers, which a server that shuts down
// meanwhile does not let go of. What is tracked may need it while it is closed, so that
// it is waited for behind that, and refused from then on.
func (n *Node) making(ctx context.Context) (_ context.Context, end func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.emptied {
		return nil, nil, errNodeClosed
	}
	ctx, end = n.wait(ctx, &n.makings)
	return ctx, end, nil
}

func (n *Node) wait(ctx context.Context, all *sync.WaitGroup) (_ context.Context, end func()) {
	all.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(n.patient, func() { cancel(errNodeClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		all.Done()
	}
}

// track has end called by [Node.Close], in its phase; what is of one phase is
// closed at the same time. forget is for what is closed before the node is. The
// error is mediator.ErrClosed if the node is being closed.
func (n *Node) track(p phase, end func(ctx context.Context) error) (forget func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return nil, errNodeClosed
	}
	t := &tracked{close: end}
	if n.tracked[p] == nil {
		n.tracked[p] = map[*tracked]struct{}{}
	}
	n.tracked[p][t] = struct{}{}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.tracked[p], t)
	}, nil
}

// spawn runs f on a goroutine that the node owns: it is waited for once everything
// tracked has been closed, which is to have ended it.
func (n *Node) spawn(f func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return errNodeClosed
	}
	n.spawned.Go(f)
	return nil
}

var errNodeClosed = fmt.Errorf("%w: the node is closed", mediator.ErrClosed)
