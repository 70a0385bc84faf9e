package natsmediator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// advisoryConsumer has the advisories in an event's stream. No group's is called
// that way: what follows a percent there is a hex digit, a _ or a p.
const advisoryConsumer = "%advisories"

// advisory is what the server says of a message that a consumer has had as often as
// it may: io.nats.jetstream.advisory.v1.max_deliver.
type advisory struct {
	Stream     string `json:"stream"`
	Consumer   string `json:"consumer"`
	StreamSeq  uint64 `json:"stream_seq"`
	Deliveries int    `json:"deliveries"`
}

// advisories takes those of all the stream's consumers: it is one process that gets
// each, and it need not have the group.
func (t *taking) advisories(ctx context.Context) (*fetcher, error) {
	c := jetstream.ConsumerConfig{Durable: advisoryConsumer, FilterSubject: advisories(t.d.stream, "*"), MaxDeliver: -1}
	return newFetcher(ctx, t, c, 4, t.d.advised)
}

// advised makes a dead letter of the message that an advisory is about.
func (d *durable) advised(msg *message, md *nats.MsgMetadata) {
	err := guard(func() error { return d.bury(msg.Data()) })
	switch {
	case errors.Is(err, ErrMalformed):
		d.log.Warn("natsmediator: an advisory that is none", "stream", d.stream, "error", err)
		d.tell("end", msg, msg.TermWithReason(oneLine(err.Error())))
	case err != nil:
		d.burying.failed(d.log, slog.LevelError, "the dead letter of an event that the server gave up on: it is tried again", err, "stream", d.stream)
		d.tell("delay", msg, msg.NakWithDelay(d.delay(md.NumDelivered, nil)))
	default:
		d.burying.over(d.log, "there are dead letters again of the events that the server gave up on", "stream", d.stream)
		d.tell("acknowledge", msg, msg.Ack())
	}
}

func (d *durable) bury(data []byte) error {
	var a advisory
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if a.Stream != d.stream || a.Consumer == "" || a.StreamSeq == 0 {
		return fmt.Errorf("%w: it is about message %d, consumer %q of stream %q", ErrMalformed, a.StreamSeq, clip(a.Consumer, 100), clip(a.Stream, 100))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cons, err := d.n.js().Consumer(ctx, d.stream, a.Consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrInvalidConsumerName) {
		return nil // nobody waits for it any more
	}
	if err != nil {
		return err
	}
	group, ours := cons.CachedInfo().Config.Metadata[metaGroup]
	if !ours {
		return nil
	}
	s, err := d.n.js().Stream(ctx, d.stream)
	if err != nil {
		return err
	}
	msg, err := s.GetMsg(ctx, a.StreamSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		d.log.Warn("natsmediator: an event that the server gave up on is no longer stored", "stream", d.stream, "group", group, "sequence", a.StreamSeq)
		return nil
	}
	if err != nil {
		return err
	}
	if !d.isEvent(msg.Subject) {
		return fmt.Errorf("%w: message %d is no event", ErrMalformed, a.StreamSeq)
	}
	p, failures := stored{place{a.Consumer, a.StreamSeq}, msg.Time.UnixNano()}, d.take.failuresOf(group)
	o, known := failures.of(p)
	if !known {
		o = unheard(max(a.Deliveries, 0))
	}
	if err := d.keep(d.letterOf(group, raw{msg.Subject, msg.Header, msg.Data, msg.Sequence, msg.Time}, o), o.unheard); err != nil {
		return err
	}
	failures.forget(p)
	return nil
}

func (d *durable) isEvent(subject string) bool {
	return len(subject) > len(d.prefix) && subject[:len(d.prefix)] == d.prefix
}
