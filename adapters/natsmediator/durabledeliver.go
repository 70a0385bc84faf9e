package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/wrapped"
	"github.com/nats-io/nats.go"
)

// Event is what is known of the delivery of an event of [Durable].
type Event struct {
	// ID is the event's: the same for each group and each attempt, and so what a
	// handler notes to do its work once. "" if who published it gave none.
	ID        string
	Group     string
	Attempt   int       // 1 the first time
	Partition string    // the last token of its subject
	Sequence  uint64    // its place in the stream
	Stored    time.Time // when the server stored it
}

type eventKey struct{}

// delivery is an event's, to a handler of a mediator, which is nil for a redriven letter.
type delivery struct {
	Event
	to *mediator.Mediator
}

// EventFrom returns the delivery that a handler's context belongs to, false if it
// was not called by [Durable], or for one of its dead letters: see [Redriven].
func EventFrom(ctx context.Context) (Event, bool) {
	d, ok := ctx.Value(eventKey{}).(delivery)
	return d.Event, ok
}

// Redriven returns a context for the handling of a dead letter of [Durable] that has
// the event's trace, and its delivery for [EventFrom]: one attempt more than the letter
// counts. deadletter.Redrive does that itself, and has the node's [Propagator] find what
// it put into the event, where the mediator has the event's Durable. Redriven is for
// those without one, as deadletter.Context(natsmediator.Redriven). The context of a
// letter that is no event's is returned as it is, but for the trace.
func Redriven(ctx context.Context, l deadletter.Letter) context.Context {
	ctx = w3c{}.Extract(ctx, letterCarrier(l.Headers))
	if e, ok := eventOf(l); ok {
		ctx = context.WithValue(ctx, eventKey{}, delivery{Event: e})
	}
	return ctx
}

// RedriveContext is called by deadletter.Redrive for each letter of the event's. See
// [Redriven].
func (d *durable) RedriveContext(ctx context.Context, l deadletter.Letter) context.Context {
	e, ok := eventOf(l)
	if !ok { // a deadletter.Behavior's, whose headers are its own
		return ctx
	}
	ctx = d.n.wire.propagator.Extract(ctx, letterCarrier(l.Headers))
	return context.WithValue(ctx, eventKey{}, delivery{Event: e})
}

// eventOf returns the delivery of a redriven letter, false if it is none of Durable's.
func eventOf(l deadletter.Letter) (Event, bool) {
	subject := l.Headers[letterSubject]
	if subject == "" {
		return Event{}, false
	}
	e := Event{ID: unescapeValue(l.Headers[headerID]), Group: l.Group, Attempt: l.Attempts + 1, Partition: lastToken(subject)}
	var nanos int64
	if _, err := fmt.Sscanf(l.ID, letterIDFormat, &nanos, &e.Sequence); err == nil {
		e.Stored = time.Unix(0, nanos)
	}
	return e, true
}

// deliver has one message handled by the group, and tells the server what became of
// it.
func (g *group) deliver(msg *message, md *nats.MsgMetadata) {
	select {
	case g.workers <- struct{}{}:
		defer func() { <-g.workers }()
	case <-g.t.stopping.Done():
	}
	if g.t.stopping.Err() != nil {
		g.t.d.tell("give back", msg, msg.Nak())
		return
	}
	o, known := g.failures.of(storedAs(md))
	if !known {
		o = outcome{err: mediator.ErrGoexit, attempts: int(md.NumDelivered)}
	}
	defer func() { // also when the handler calls runtime.Goexit
		if !known {
			o.at = time.Now()
		}
		g.settle(msg, md, o)
	}()
	switch {
	case known:
	case o.attempts > g.t.d.hopeless():
		o = unheard(o.attempts)
	default:
		o.final, o.err = g.handle(msg, md)
	}
}

// handle calls the subscriber. final tells that there is no use in trying again.
func (g *group) handle(msg *message, md *nats.MsgMetadata) (final bool, err error) {
	d, h := g.t.d, msg.Headers()
	if err := d.n.wire.check(h, d.name); err != nil {
		return true, err
	}
	codec, err := d.n.wire.codecs.find(h.Get(headerContentType))
	if err != nil {
		return true, err
	}
	undecoded := false
	decodeBody := func(target any) error {
		err := decode(codec, msg.Data(), target)
		undecoded = err != nil
		return err
	}
	err = asked(guard(func() error {
		ctx := d.n.wire.extract(g.t.base, h)
		ctx = context.WithValue(ctx, eventKey{}, delivery{to: d.m, Event: Event{
			ID: unescapeValue(h.Get(headerID)), Group: g.name, Attempt: int(md.NumDelivered), Partition: lastToken(msg.Subject()),
			Sequence: md.Sequence.Stream, Stored: md.Timestamp,
		}})
		return mediator.DispatchTo(ctx, d.m, d.name, g.name, decodeBody)
	}))
	if err == nil {
		return false, nil
	}
	if !undecoded {
		if wrong := guard(func() error { final = d.config.giveUp(err); return nil }); wrong != nil {
			err = errors.Join(err, fmt.Errorf("whether to give up: %w", wrong))
		}
	}
	return final || undecoded, err
}

// settle acknowledges a message, has it delivered again, or makes it a dead letter.
func (g *group) settle(msg *message, md *nats.MsgMetadata, o outcome) {
	d := g.t.d
	switch {
	case o.err == nil:
		d.tell("acknowledge", msg, msg.Ack())
	case !o.final && g.t.base.Err() != nil: // closing has cut it short
		d.tell("give back", msg, msg.Nak())
	case !o.final && o.attempts < d.config.attempts:
		d.tell("delay", msg, msg.NakWithDelay(d.delay(md.NumDelivered, o.err)))
	default:
		g.giveUp(msg, md, o)
	}
}

// giveUp makes a dead letter of an event. If that cannot be stored, the event is
// delivered again, for the storing alone.
func (g *group) giveUp(msg *message, md *nats.MsgMetadata, o outcome) {
	d, p := g.t.d, storedAs(md)
	o.final = true
	err := d.keep(d.letterOf(g.name, raw{msg.Subject(), msg.Headers(), msg.Data(), md.Sequence.Stream, md.Timestamp}, o), o.unheard)
	if err == nil {
		g.failures.forget(p)
		d.storing.over(d.log, "dead letters are stored again", "stream", d.stream)
		d.tell("end", msg, msg.TermWithReason(oneLine(o.err.Error())))
		return
	}
	g.failures.note(p, o)
	d.storing.failed(d.log, slog.LevelError, "an event failed for good and its dead letter cannot be stored: it is tried again", err,
		"stream", d.stream, "group", g.name, "sequence", md.Sequence.Stream)
	d.tell("delay", msg, msg.NakWithDelay(d.delay(md.NumDelivered, nil)))
}

// tell logs what the server could not be told. The message is delivered again then.
func (d *durable) tell(what string, msg *message, err error) {
	if err != nil {
		d.telling.failed(d.log, slog.LevelWarn, "an event will be delivered again, for the server could not be told to "+what+" it", err, "subject", msg.Subject())
		return
	}
	d.telling.over(d.log, "the server can be told again what became of events", "stream", d.stream)
}

// delay is how long an event waits that has been delivered so often.
func (d *durable) delay(delivered uint64, err error) time.Duration {
	wait := d.config.backoff
	for range min(delivered, 60) - 1 {
		if wait = 2 * wait; wait >= d.config.maxBackoff {
			wait = d.config.maxBackoff
			break
		}
	}
	wait -= time.Duration(rand.Int64N(int64(wait)/4 + 1))
	if told, ok := wrapped.As[interface{ RetryAfter() time.Duration }](err); ok {
		wait = max(wait, min(told.RetryAfter(), 24*time.Hour))
	}
	return wait
}

// guard returns what f returns, or what it panics with.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if p, ok := v.(*mediator.PanicError); ok {
				err = p
				return
			}
			stack := make([]byte, 16<<10)
			err = &mediator.PanicError{Value: v, Stack: stack[:runtime.Stack(stack, false)]}
		}
	}()
	return f()
}

// raw is a message as it is stored.
type raw struct {
	subject  string
	header   nats.Header
	data     []byte
	sequence uint64
	stored   time.Time
}

func lastToken(subject string) string {
	for i := len(subject) - 1; i >= 0; i-- {
		if subject[i] == '.' {
			return subject[i+1:]
		}
	}
	return subject
}
