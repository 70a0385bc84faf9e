package natsmediator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Status is what a node finds out about itself and what the [Durable] of its
// mediators have to do, see [Node.Status].
type Status struct {
	RoundTrip time.Duration // to the server
	Write     time.Duration // how long it took to store something
	Groups    []GroupStatus
	Outboxes  []OutboxStatus
	Letters   int // of the dead letters of the namespace, see [Letters]
}

// GroupStatus is one group of an event, of all processes together.
type GroupStatus struct {
	Event, Group string
	Lag          uint64 // events that were not delivered yet
	InHand       int    // events delivered and not settled, those that wait for another attempt among them
	Redelivered  int    // of these, those delivered more than once
}

// OutboxStatus is the outbox of an event in this process.
type OutboxStatus struct {
	Event string
	Depth int   // events accepted and not known to be in JetStream
	Err   error // why the relay makes no progress, nil if it does
}

// CheckConfig says what [Check] puts up with. What is zero means the default, what is
// negative that there is no limit.
type CheckConfig struct {
	Lag     int // of a group. Default: 10,000
	Outbox  int // the depth of an outbox. Default: 100,000
	Letters int // dead letters in the namespace. Default: 1,000
}

// What [Check] finds exceeded.
var (
	// ErrStreamFull means that an event's stream has 99 of 100 bytes that [Retention]
	// lets it have. [Node.Status] has it as well.
	ErrStreamFull = errors.New("the stream is full")

	ErrLag     = errors.New("a group is behind")
	ErrOutbox  = errors.New("an outbox is behind")
	ErrLetters = errors.New("there are many dead letters")
)

// Check returns a function that tells whether the node can do its work, for a health
// check: nil if the server answers, something could be written and synced, every
// event's stream has room, no event's last Publish failed, the groups and outboxes of this process keep up, and there
// are not too many dead letters. Otherwise it returns all that is wrong. It takes what
// [Node.Status] takes; give it a context with a deadline, or it waits for five seconds
// for each answer.
func Check(n *Node, c CheckConfig) func(ctx context.Context) error {
	if n == nil {
		panic("natsmediator: Check: the node is nil")
	}
	c.Lag, c.Outbox, c.Letters = cmp.Or(c.Lag, 10_000), cmp.Or(c.Outbox, 100_000), cmp.Or(c.Letters, 1_000)
	return func(ctx context.Context) error {
		s, err := n.Status(ctx)
		errs := []error{err}
		for _, g := range s.Groups {
			if c.Lag >= 0 && g.Lag > uint64(c.Lag) {
				errs = append(errs, fmt.Errorf("natsmediator: %w: %s of %s by %d events", ErrLag, g.Group, g.Event, g.Lag))
			}
		}
		for _, o := range s.Outboxes {
			if c.Outbox >= 0 && o.Depth > c.Outbox {
				errs = append(errs, fmt.Errorf("natsmediator: %w: that of %s by %d events", ErrOutbox, o.Event, o.Depth))
			}
		}
		if c.Letters >= 0 && s.Letters > c.Letters {
			errs = append(errs, fmt.Errorf("natsmediator: %w: %d", ErrLetters, s.Letters))
		}
		return errors.Join(errs...)
	}
}

// Status finds out how the node is. What it could not find out is an error, joined
// with others, and zero in the Status; that an outbox's relay makes no progress, that
// the stream of an event is full, or that the last Publish of an event, within a minute,
// could not store it, is an error too. It is about the mediators that are
// open. It writes one small message, and asks the server once for each group, for each
// partition of a [Keyed] one, and for each event.
func (n *Node) Status(ctx context.Context) (s Status, err error) {
	if err := ending.Of(ctx); err != nil {
		return s, fmt.Errorf("natsmediator: status: %w", err)
	}
	var errs []error
	fail := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("natsmediator: status: %s: %w", what, n.whyLate(explained(ending.Told(ctx, err)), "$JS.", n.ns+".")))
		}
	}
	begin := time.Now()
	if err := n.flush(ctx); err != nil {
		fail("connection", err)
		n.eachOutbox(&s, fail)
		return s, errors.Join(errs...)
	}
	s.RoundTrip = time.Since(begin)
	begin = time.Now()
	if err := n.probe(ctx); err != nil {
		fail("write", err)
	} else {
		s.Write = time.Since(begin)
	}
	for _, d := range n.events.all() {
		fail("stream "+d.stream, d.room(ctx))
		fail("publish of "+d.name, d.latest.failure())
		groups, err := d.groups(ctx)
		s.Groups = append(s.Groups, groups...)
		fail("groups of "+d.name, err)
	}
	n.eachOutbox(&s, fail)
	letters, err := Letters(n).countThere(ctx)
	s.Letters = letters
	fail("dead letters", err)
	return s, errors.Join(errs...)
}

func (n *Node) eachOutbox(s *Status, fail func(string, error)) {
	for _, d := range n.events.all() {
		if d.outbox == nil {
			continue
		}
		o := OutboxStatus{Event: d.name, Depth: d.outbox.file.Depth(), Err: d.outbox.lastFailure()}
		s.Outboxes = append(s.Outboxes, o)
		fail("outbox of "+d.name, o.Err)
	}
}

// flush returns once the server has answered.
func (n *Node) flush(ctx context.Context) error {
	if !n.nc.IsConnected() && !n.nc.IsClosed() {
		return nats.ErrDisconnected
	}
	limited, cancel := context.WithTimeout(ctx, connectTimeout) // FlushWithContext wants a deadline
	defer cancel()
	return n.nc.FlushWithContext(limited)
}

// probe stores a message, in a stream that has only the last of each namespace.
func (n *Node) probe(ctx context.Context) error {
	name, subject := streamName(n.ns, "probe", "v1"), n.ns+".probe.v1"
	_, err := n.js().Publish(ctx, subject, []byte("probe"), jetstream.WithExpectStream(name), jetstream.WithRetryAttempts(0))
	if !errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(err, nats.ErrNoResponders) {
		return err
	}
	ctx, end, err := n.making(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, err = n.js().CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{subject}, MaxMsgs: 1}); err != nil &&
		!errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return err
	}
	_, err = n.js().Publish(ctx, subject, []byte("probe"), jetstream.WithExpectStream(name))
	return err
}

// attemptMemory is how long a failure counts that no success has followed: without
// another Publish nobody knows.
const attemptMemory = time.Minute

// attempt is how the last one of something that several try went. The zero value is
// ready; it is used concurrently.
type attempt struct{ failed atomic.Pointer[failure] }

type failure struct {
	err error
	at  time.Time
}

// note takes the outcome of an attempt. What is up to its caller or its message says
// nothing of others.
func (a *attempt) note(ctx context.Context, err error) {
	switch {
	case err == nil:
		if a.failed.Load() != nil {
			a.failed.Store(nil)
		}
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, ErrTooLarge):
	default:
		a.failed.Store(&failure{err: err, at: time.Now()})
	}
}

func (a *attempt) failure() error {
	f := a.failed.Load()
	if f == nil || time.Since(f.at) > attemptMemory {
		return nil
	}
	return fmt.Errorf("the last one, %v ago: %w", time.Since(f.at).Round(time.Millisecond), f.err)
}

func (d *durable) room(ctx context.Context) error {
	s, err := d.n.js().Stream(ctx, d.stream)
	if err != nil {
		return err
	}
	info := s.CachedInfo()
	if most := info.Config.MaxBytes; most > 0 && info.State.Bytes >= uint64(most)/100*99 {
		return fmt.Errorf("%w: %d bytes of %d", ErrStreamFull, info.State.Bytes, most)
	}
	return nil
}

// groups asks for those of this process.
func (d *durable) groups(ctx context.Context) (all []GroupStatus, err error) {
	if d.take == nil {
		return nil, nil
	}
	for _, g := range d.take.groups {
		s := GroupStatus{Event: d.name, Group: g.name}
		for _, name := range d.consumers(g.name) {
			c, err := d.n.js().Consumer(ctx, d.stream, name)
			if err != nil {
				return all, err
			}
			info := c.CachedInfo()
			s.Lag += info.NumPending
			s.InHand += info.NumAckPending
			s.Redelivered += info.NumRedelivered
		}
		all = append(all, s)
	}
	return all, nil
}

// countThere is Count, but it does not make the stream.
func (s *LetterStore) countThere(ctx context.Context) (int, error) {
	stream, err := s.n.js().Stream(ctx, s.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return int(stream.CachedInfo().State.Msgs), nil
}

// events are the durable ones of a node's mediators, as long as these are open. The
// zero value is empty.
type events struct {
	mu   sync.Mutex
	open []*durable
}

// add refuses a second relay of one outbox: each would send what the other does.
func (e *events) add(d *durable) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d.config.outbox != nil && slices.ContainsFunc(e.open, func(o *durable) bool { return o.stream == d.stream && o.config.outbox == d.config.outbox }) {
		return fmt.Errorf("%w: another mediator has the same Outbox for this event: give each a store of its own", mediator.ErrDuplicateHandler)
	}
	e.open = append(e.open, d)
	return nil
}

func (e *events) remove(d *durable) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open = slices.DeleteFunc(e.open, func(o *durable) bool { return o == d })
}

// all leaves out those that are still starting.
func (e *events) all() (ready []*durable) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range e.open {
		if d.ready.Load() {
			ready = append(ready, d)
		}
	}
	return ready
}
