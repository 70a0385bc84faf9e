package natsmediator

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/nats-io/nats.go/jetstream"
)

// taking is the groups of one event in one process, and what they have in hand.
type taking struct {
	d      *durable
	groups []*group
	alive  alive
	look   *look

	mending sync.Mutex
	shorter chan time.Duration // an AckWait that others set

	stop     context.CancelFunc // no more events are fetched, or begun
	stopping context.Context
	cut      context.CancelCauseFunc // of the handlers
	base     context.Context

	fetchers sync.WaitGroup
	handlers sync.WaitGroup
	others   sync.WaitGroup // as long as there are handlers
	deaf     func()         // ends heed; nil ahead of it
	once     sync.Once
	err      error
}

// group is one subscriber.
type group struct {
	t       *taking
	name    string
	workers chan struct{}

	failures failures
}

func newTaking(d *durable, subscribers []mediator.Route) *taking {
	t := &taking{d: d, look: newLook(), shorter: make(chan time.Duration)}
	t.stopping, t.stop = context.WithCancel(context.Background())
	t.base, t.cut = context.WithCancelCause(context.Background())
	for _, s := range subscribers {
		t.groups = append(t.groups, &group{t: t, name: s.Group, workers: make(chan struct{}, d.config.workers), failures: failures{wait: d.config.maxBackoff}})
	}
	return t
}

// start makes the consumers of all groups first, so that none misses what another
// one publishes. It listens first to who would make their AckWait shorter.
func (t *taking) start(ctx context.Context) (err error) {
	if t.deaf, err = t.heed(); err != nil {
		return err
	}
	var all []*fetcher
	for _, g := range t.groups {
		fs, err := g.fetchersOf(ctx)
		if err != nil {
			return err
		}
		all = append(all, fs...)
	}
	lost, err := t.advisories(ctx)
	if err != nil {
		return err
	}
	for _, f := range append(all, lost) {
		t.fetchers.Go(f.run)
	}
	t.others.Go(t.keepAlive)
	t.others.Go(func() { t.look.run(t.base, t.d) })
	return nil
}

// mostPending is how many events of a group are delivered and not settled: most of these
// wait for another attempt.
const mostPending = 10_000

// fetchersOf makes the consumers of a group: one, or one a partition.
func (g *group) fetchersOf(ctx context.Context) (all []*fetcher, err error) {
	d := g.t.d
	c := jetstream.ConsumerConfig{
		FilterSubject: d.prefix + "*", MaxDeliver: d.hopeless() + spareDeliveries,
		MaxAckPending: mostPending, Metadata: map[string]string{metaName: d.name, metaGroup: g.name, metaProgram: program()},
	}
	if d.config.fromNow {
		c.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	prefetch := d.config.prefetch
	if d.keyed { // the order of a partition, whatever process has it
		c.MaxAckPending, prefetch = 1, 1
	}
	for p, name := range d.consumers(g.name) {
		if c.Durable = name; d.keyed {
			c.FilterSubject = d.prefix + strconv.Itoa(p)
		}
		f, err := newFetcher(ctx, g.t, c, prefetch, g.deliver)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// failuresOf returns those of a group: none if this process does not have it.
func (t *taking) failuresOf(name string) *failures {
	for _, g := range t.groups {
		if g.name == name {
			return &g.failures
		}
	}
	return &failures{}
}

// close stops fetching, gives back what waits, and waits for what has begun.
func (t *taking) close(ctx context.Context) error {
	t.once.Do(func() { t.err = t.finish(ctx) })
	return t.err
}

func (t *taking) finish(ctx context.Context) error {
	t.stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.fetchers.Wait()
		t.handlers.Wait()
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		held := t.alive.count()
		t.cut(fmt.Errorf("%w: the subscription is closed", mediator.ErrClosed))
		waitAtMost(done, closeGrace)
		err = fmt.Errorf("natsmediator: durable %v: %d events were cut short, and will be delivered again: %w", t.d.t, held, context.Cause(ctx))
	}
	t.cut(mediator.ErrClosed)
	if t.deaf != nil {
		t.deaf()
	}
	t.others.Wait()
	return err
}
