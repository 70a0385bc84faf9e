package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Defaults of [Serve].
const (
	DefaultConcurrency = 256              // requests handled at the same time, see [Concurrency]
	DefaultQueue       = 1024             // requests that wait for it, see [Queue]
	DefaultStreams     = 256              // streams open at the same time, see [Streams]
	DefaultTimeout     = 30 * time.Second // of calls without a deadline, see [Timeout]
)

// closeGrace is how long handlers have to return once Close has cancelled them.
const closeGrace = time.Second

// Service is one instance of a service: what a mediator offers to others by
// [Serve].
type Service struct {
	node    *Node
	m       *mediator.Mediator
	name    string
	id      string
	started time.Time
	config  serveConfig

	endpoints []*endpoint
	watch     []*nats.Subscription // discovery and cancels
	calls     calls
	workers   *workers
	streams   atomic.Int64
	base      context.Context // of all handlers
	cancel    context.CancelCauseFunc
	flowing   context.Context // of those of streams, ends ahead of base
	dam       context.CancelCauseFunc
	forget    func()

	once sync.Once
	err  error // of Close
}

// ServeOption is about one [Serve].
type ServeOption interface {
	applyServe(c *serveConfig)
}

// SharedOption is a [ServeOption] and a [RemoteOption].
type SharedOption interface {
	ServeOption
	RemoteOption
}

type serveConfig struct {
	only        []string
	major       int
	concurrency int
	queue       int
	streams     int
	timeout     time.Duration
}

type serveOption func(c *serveConfig)

func (f serveOption) applyServe(c *serveConfig) { f(c) }

// Only has a service offer the messages with these names alone. Default: all that
// the mediator handles itself. What it does not handle itself is an error of Serve.
func Only(names ...string) ServeOption {
	return serveOption(func(c *serveConfig) { c.only = append(c.only, names...) })
}

// Concurrency is how many requests a service handles at the same time. Default:
// [DefaultConcurrency]. It panics if n is not positive.
func Concurrency(n int) ServeOption {
	checkPositive("Concurrency", n)
	return serveOption(func(c *serveConfig) { c.concurrency = n })
}

// Queue is how many requests may wait while [Concurrency] others are being
// handled; what comes on top is answered with behaviors.ErrFull. Default:
// [DefaultQueue]; 0 for none. It panics if n is negative.
func Queue(n int) ServeOption {
	if n < 0 {
		panic(fmt.Sprintf("natsmediator: Queue(%d): it must not be negative", n))
	}
	return serveOption(func(c *serveConfig) { c.queue = n })
}

// Streams is how many streams a service has open at the same time; what comes on
// top ends with behaviors.ErrFull. Default: [DefaultStreams]. It panics if n is
// not positive.
func Streams(n int) ServeOption {
	checkPositive("Streams", n)
	return serveOption(func(c *serveConfig) { c.streams = n })
}

// Version is the major version of the messages: part of their subjects, so that
// two can be served at the same time, each by a [Serve] of its own. Default: 1.
// It panics if major is not positive.
func Version(major int) SharedOption {
	checkPositive("Version", major)
	return version(major)
}

type version int

func (v version) applyServe(c *serveConfig)   { c.major = int(v) }
func (v version) applyRemote(c *remoteConfig) { c.major = int(v) }

// Timeout is how long a request may take whose caller's context has no deadline,
// so that the loss of a message, or of a process, does not leave a caller or a
// handler waiting for ever. As a RemoteOption it is for the calls made, as a
// ServeOption for requests that come without a time, as from other NATS clients.
// Streams are watched by heartbeats and have no such limit. Default:
// [DefaultTimeout]. It panics if d is not positive.
func Timeout(d time.Duration) SharedOption {
	if d <= 0 {
		panic(fmt.Sprintf("natsmediator: Timeout(%v): it has to be positive", d))
	}
	return timeoutOption(d)
}

type timeoutOption time.Duration

func (d timeoutOption) applyServe(c *serveConfig)   { c.timeout = time.Duration(d) }
func (d timeoutOption) applyRemote(c *remoteConfig) { c.timeout = time.Duration(d) }

func checkPositive(option string, n int) {
	if n <= 0 {
		panic(fmt.Sprintf("natsmediator: %s(%d): it has to be positive", option, n))
	}
}

// Serve offers the requests and streams that m handles to whoever has a [Remote]
// for them, as an instance of a service. Instances of one service, in other
// processes or other nodes, share the calls. The handlers run with the values of
// ctx and until their caller's deadline; the end of ctx only ends Serve itself.
//
// What m has by [Remote] and [RemoteStream] is not offered: it would go round in
// circles. Serve returns once the server knows of the service; that it denies the
// subscriptions is an error. If it fails, what came to it meanwhile is cancelled, and has
// a second to end. End it by [Service.Close], ahead of m; [Node.Close] does so too.
//
// A service's name is made of letters, digits, dashes and underscores.
func Serve(ctx context.Context, m *mediator.Mediator, n *Node, service string, opts ...ServeOption) (*Service, error) {
	c := serveConfig{major: 1, concurrency: DefaultConcurrency, queue: DefaultQueue, streams: DefaultStreams, timeout: DefaultTimeout}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("natsmediator: Serve: option %d of %d is nil", i+1, len(opts)))
		}
		o.applyServe(&c)
	}
	s := &Service{
		node: n, m: m, name: service, id: nuid.Next(), started: time.Now().UTC(), config: c,
		workers: newWorkers(c.concurrency, c.queue),
	}
	s.base, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.flowing, s.dam = context.WithCancelCause(s.base)
	if err := s.start(ctx); err != nil {
		s.cancel(errServiceClosed)
		return nil, fmt.Errorf("natsmediator: serve %s: %w", service, err)
	}
	return s, nil
}

func (s *Service) start(ctx context.Context) (err error) {
	if !isToken(s.name) {
		return fmt.Errorf("the service's name %q has to be made of letters, digits, dashes and underscores", s.name)
	}
	switch {
	case s.m == nil:
		return errors.New("the mediator is nil")
	case s.node == nil:
		return errors.New("the node is nil")
	}
	routes, err := s.offered()
	if err != nil {
		return err
	}
	ctx, end, err := s.node.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if s.forget, err = s.node.track(intake, s.Close); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.forget()
			err = errors.Join(err, s.unsubscribe())
			s.giveUp()
		}
	}()
	// Cancels come first, so that none is missed.
	if err := s.listen(cancelSubject(s.node.ns, s.name), func(msg *nats.Msg) { s.calls.cancel(string(msg.Data)) }); err != nil {
		return err
	}
	for _, r := range routes {
		e := newEndpoint(s, r)
		s.endpoints = append(s.endpoints, e)
		s.workers.byTopic[e.subject] = e
	}
	s.workers.start()
	for _, e := range s.endpoints {
		if err := e.subscribe(); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := s.confirm(limited); err != nil {
		return err
	}
	if err := s.announce(); err != nil {
		return err
	}
	return s.node.nc.FlushWithContext(limited)
}

// giveUp ends the calls that came while the service failed to start. Why it did is not for
// their callers, who would take it for what became of the call.
func (s *Service) giveUp() {
	s.dam(errInstanceCloses)
	s.cancel(errServiceClosed)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.workers.stop()
	}()
	waitAtMost(done, closeGrace)
}

// offered returns the routes that the service is for.
func (s *Service) offered() ([]mediator.Route, error) {
	var routes []mediator.Route
	var own, remote []string
	for _, r := range s.m.Inspect() {
		if r.Kind != mediator.KindRequest && r.Kind != mediator.KindStream {
			continue
		}
		if slices.ContainsFunc(r.Behaviors, isRemote) {
			remote = append(remote, r.Name)
			continue
		}
		own = append(own, r.Name)
		if len(s.config.only) == 0 || slices.Contains(s.config.only, r.Name) {
			routes = append(routes, r)
		}
	}
	var errs []error
	for _, name := range s.config.only {
		switch {
		case slices.Contains(remote, name):
			errs = append(errs, fmt.Errorf("Only(%q): it is handled by another service itself", name))
		case !slices.Contains(own, name):
			errs = append(errs, fmt.Errorf("Only(%q): %w; there are %s", name, mediator.ErrNoHandler, strings.Join(own, ", ")))
		}
	}
	if len(routes) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("the mediator handles no request and no stream itself"))
	}
	return routes, errors.Join(errs...)
}

func (s *Service) listen(subject string, f nats.MsgHandler) error {
	sub, err := s.node.nc.Subscribe(subject, f)
	if err != nil {
		return err
	}
	s.watch = append(s.watch, sub)
	return nil
}

// Close takes no more calls, finishes the requests in progress, and returns. What was
// on its way to this instance is answered too.
//
// Streams, which may have no end, are not waited for: the contexts of their handlers are
// cancelled at once, and those that then had more to say end with [ErrConnection] for
// their consumers. behaviors.Retry retries that, with another instance: around a
// RemoteStream it wants behaviors.SkipDelivered for it.
//
// When ctx ends, the contexts of the handlers still running are cancelled too, their
// callers get mediator.ErrClosed if the handlers heed that within a second, and Close
// returns an error that says how many there were. A second Close waits for the
// first, and returns the same.
func (s *Service) Close(ctx context.Context) error {
	s.once.Do(func() { s.err = s.close(ctx) })
	return s.err
}

// errInstanceCloses is what streams end with. It is none of a mediator that is closed,
// which would be final: another instance may have the stream.
var errInstanceCloses = fmt.Errorf("%w: the service's instance is being closed", ErrConnection)

// errServiceClosed is what requests are cut short with.
var errServiceClosed = fmt.Errorf("%w: the service was closed", mediator.ErrClosed)

func (s *Service) close(ctx context.Context) error {
	defer s.forget()
	var errs []error
	var draining []*endpoint
	for _, e := range s.endpoints {
		end := e.sub.Drain
		if !s.node.nc.IsConnected() {
			end = e.sub.Unsubscribe // nothing comes, and to drain would wait for the server
		}
		if err := end(); err == nil {
			draining = append(draining, e)
		} else {
			errs = append(errs, ignoreClosed(err))
		}
	}
	s.dam(errInstanceCloses)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, e := range draining {
			<-e.drained
		}
		s.workers.stop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		left := s.calls.count.Load()
		s.cancel(errServiceClosed)
		waitAtMost(done, closeGrace)
		errs = append(errs, fmt.Errorf("natsmediator: close service %s: %d calls were cut short: %w", s.name, left, context.Cause(ctx)))
	}
	s.cancel(mediator.ErrClosed)
	return errors.Join(append(errs, s.unsubscribe())...)
}

// waitAtMost waits for done, but no longer than that.
func waitAtMost(done <-chan struct{}, d time.Duration) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
}

// unsubscribe ends every subscription.
func (s *Service) unsubscribe() error {
	var errs []error
	for _, e := range s.endpoints {
		if e.sub != nil && e.sub.IsValid() && !e.sub.IsDraining() {
			errs = append(errs, ignoreClosed(e.sub.Unsubscribe()))
		}
	}
	for _, sub := range s.watch {
		errs = append(errs, ignoreClosed(sub.Unsubscribe()))
	}
	return errors.Join(errs...)
}

// ignoreClosed leaves out that what was to be ended had ended.
func ignoreClosed(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
		return nil
	}
	return err
}
