package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/tally"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/singleflight"
)

// Durable has Publish of N return once the event is stored in JetStream, and every
// [mediator.Group] that subscribes to N, or to an interface that N implements, gets
// it at least once after that, also if processes die in between: each group on its
// own, through its own pipeline, in whichever process has it. Each process that
// publishes or subscribes has this option, those that only publish too. The section
// "Durable events" of the package has the whole of it: groups, order, failure.
//
// Subscribers of [mediator.Listen] are not reached: what comes and goes with a process
// has nothing to be stored for.
//
// # Publish
//
// An event has an ID, see [Identified], and is stored once by it within
// [DedupWindow]. If Publish returns an error the event may have been stored, but for
// [ErrTooLarge], mediator.ErrClosed and errors of encoding. A Publish whose context
// has no deadline gives up after five seconds. Events leave 64 KiB of what the server
// lets through for what a dead letter adds to them: [ErrTooLarge].
//
// # New and Close
//
// New waits up to 30 seconds for the server, but with an [Outbox] and without subscribers
// of N, if the node has no connection yet, as after [Connect] with
// nats.RetryOnFailedConnect: then the stream is made once there is a server. Functions of
// [mediator.OnStart] that publish N come after this option; handlers of other events wait
// for it.
//
// [mediator.Mediator.Close] first stops to take events, finishes the handlers it has
// begun, gives back what waits and what is on its way, and relays what is in the
// [Outbox]. (In a cluster, what is between two servers at that moment may have to wait for
// [AckWait].) The end of the context cancels the handlers, whose events are delivered
// again. What has been accepted stays stored in each case. Close the mediator, then the
// node, then the outbox's store.
//
// # Figures
//
// Durable is a [mediator.Source] around the publishing, under the name "durable", which
// a behaviors.Recorder there, and the console, ask: how many letters this process made
// of each group's events, the lag of its groups and how many of their events are
// waiting to be settled, as the server last said, and the depth of its outbox. The log
// is told of letters as well, once a minute at most for each group.
//
// N must not be an interface. It panics if n or an option is nil.
func Durable[N any](n *Node, opts ...DurableOption) mediator.Option {
	if n == nil {
		panic("natsmediator: Durable: the node is nil")
	}
	c := newDurableConfig(opts)
	codec, err := n.wire.codecs.find(c.encoding)
	if err != nil {
		panic(fmt.Sprintf("natsmediator: Durable: EventEncoding: %v: give it to the node by Codecs", err))
	}
	// Each mediator gets its own.
	return mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		d := newDurable(m, n, reflect.TypeFor[N](), c, codec)
		return mediator.Options(
			mediator.Relay(func(ctx context.Context, event N) error { return d.publish(ctx, event) }, append(slices.Clone(c.handler), mediator.Use(d))...),
			mediator.OnStart(d.start),
			mediator.OnClose(d.close),
		)
	})
}

// durable is the events of one type in one mediator.
type durable struct {
	m      *mediator.Mediator
	n      *Node
	config durableConfig
	codec  Codec
	t      reflect.Type
	log    *slog.Logger

	// Set by start, ahead of ready.
	name       string
	keyed      bool
	prefix     string // of the subjects
	stream     string
	attributes attributes
	letters    deadletter.Store
	had        *jetstream.StreamInfo // the stream as it was then, nil if it is the relay's to make
	atomic     bool                  // it takes atomic batches; of the relay after start
	ready      atomic.Bool
	started    chan struct{} // closed then
	closed     chan struct{} // closed by close

	take   *taking // nil if there is nobody to take events for
	outbox *outbox // nil without Outbox
	latest attempt // of Publish, without Outbox
	forget []func()

	lettered tally.Tally // by event and group
	news     news
	warned   sync.Map // the groups that were another program's

	shortened atomic.Bool // others were told of an AckWait that is shorter
	restoring singleflight.Group

	storing, burying, telling trouble // letters of handlers', of the server's; outcomes
}

func newDurable(m *mediator.Mediator, n *Node, t reflect.Type, c durableConfig, codec Codec) *durable {
	d := &durable{m: m, n: n, config: c, codec: codec, t: t, log: n.config.log, started: make(chan struct{}), closed: make(chan struct{})}
	if d.letters = c.letters; d.letters == nil {
		var opts []LettersOption
		if c.replicas > 0 {
			opts = append(opts, Replicas(c.replicas))
		}
		d.letters = Letters(n, opts...)
	}
	return d
}

// setupTimeout is how long the server may take for the stream and the consumers
// when a mediator starts.
const setupTimeout = 30 * time.Second

// start finds out what is to be done, has the server know of it, and begins. If it
// fails, close is called.
func (d *durable) start(m *mediator.Mediator) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("natsmediator: durable %v: %w", d.t, d.n.whyLate(explained(err), "$JS."))
		}
	}()
	if d.keyed, err = isKeyed(d.t); err != nil {
		return err
	}
	if !d.keyed {
		d.config.partitions = 1
	}
	limited, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	ctx, end, err := d.n.begin(limited)
	if err != nil {
		return err
	}
	defer end()
	defer func() { err = ending.Told(ctx, err) }()
	subscribers := d.wired(m)
	d.checkWiring(subscribers)
	d.prefix = eventPrefix(d.n.ns, d.name, d.config.major)
	d.stream = streamName(d.n.ns, "evt", d.name+".v"+strconv.Itoa(d.config.major))
	d.attributes = newAttributes(d.name, d.codec.ContentType())
	if d.config.outbox == nil || len(subscribers) > 0 || d.n.nc.IsConnected() { // otherwise the relay does it once a server is there
		if err := d.ensureStream(ctx); err != nil {
			return err
		}
	}
	if err := d.n.events.add(d); err != nil {
		return err
	}
	d.forget = append(d.forget, func() { d.n.events.remove(d) })
	if d.config.outbox != nil {
		if d.outbox, err = newOutbox(d); err != nil {
			return err
		}
		if err := d.outbox.start(); err != nil {
			return err
		}
		if err := d.own(relay, d.outbox.close); err != nil {
			return err
		}
	}
	if len(subscribers) > 0 {
		d.take = newTaking(d, subscribers)
		if err := d.own(intake, d.take.close); err != nil {
			return err
		}
		if err := d.take.start(ctx); err != nil {
			return err
		}
	}
	d.ready.Store(true)
	close(d.started)
	return nil
}

// own has the node call end, should the mediator not be closed before it.
func (d *durable) own(p phase, end func(context.Context) error) error {
	forget, err := d.n.track(p, end)
	if err == nil {
		d.forget = append(d.forget, forget)
	}
	return err
}

// wired returns the subscribers of the event, one for each group, and notes its name.
func (d *durable) wired(m *mediator.Mediator) (subscribers []mediator.Route) {
	seen := map[string]bool{}
	for _, r := range m.Inspect() {
		switch {
		case r.Kind != mediator.KindNotification:
		case r.Relay:
			if r.Message == d.t {
				d.name = r.Name
			}
		case r.Message == d.t || r.Message.Kind() == reflect.Interface && d.t.Implements(r.Message):
			if !seen[r.Group] {
				seen[r.Group] = true
				subscribers = append(subscribers, r)
			}
		}
	}
	return subscribers
}

func (d *durable) close(ctx context.Context) error {
	close(d.closed)
	var errs []error
	if d.outbox != nil {
		d.stopOthers(ctx)
	}
	if d.take != nil {
		errs = append(errs, d.take.close(ctx))
	}
	if d.outbox != nil {
		errs = append(errs, d.outbox.close(ctx))
	}
	d.news.close(d.log, d.name)
	for _, f := range d.forget {
		f()
	}
	return errors.Join(errs...)
}

// stopOthers ends the taking of the mediator's other events, whose handlers may still
// publish this one: what they put into the outbox is to be relayed. Their own close
// has the errors.
func (d *durable) stopOthers(ctx context.Context) {
	var others sync.WaitGroup
	for _, o := range d.n.events.all() {
		if o != d && o.m == d.m && o.take != nil {
			others.Go(func() { _ = o.take.close(ctx) })
		}
	}
	others.Wait()
}
