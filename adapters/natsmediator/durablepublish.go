package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// publish stores one event.
func (d *durable) publish(ctx context.Context, event any) error {
	if err := ending.Of(ctx); err != nil {
		return err
	}
	if !d.ready.Load() {
		if err := d.await(ctx); err != nil {
			return err
		}
	}
	msg, err := d.message(ctx, event)
	if err != nil {
		return err
	}
	if d.outbox != nil {
		return d.outbox.accept(ctx, msg)
	}
	err = d.failed(ctx, d.store(ctx, msg))
	d.latest.note(ctx, err)
	return err
}

var errNotStarted = errors.New("the event's Durable has not started: publish from functions of OnStart that come after it")

// await waits for the start if it is a handler of the mediator's other events that
// publishes: they are taken as soon as those have started. Others would wait for
// themselves.
func (d *durable) await(ctx context.Context) error {
	if from, ok := ctx.Value(eventKey{}).(delivery); !ok || from.to != d.m {
		return errNotStarted
	}
	select {
	case <-d.started:
		return nil
	case <-d.closed:
		return mediator.ErrClosed
	case <-ctx.Done():
		return ending.Of(ctx)
	}
}

// publishTimeout is how long a Publish without a deadline tries, all in all.
const publishTimeout = 5 * time.Second

// store has the server store an event. If there is no stream it is made again, and the
// event stored there; also if that fails the event is tried again, for others may have
// made it, or it was never gone.
func (d *durable) store(ctx context.Context, msg *nats.Msg) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, publishTimeout)
		defer cancel()
	}
	_, err := d.n.js().PublishMsg(ctx, msg)
	if !isGone(err) {
		return err
	}
	_, failed := d.restoreStream(ctx)
	_, again := d.n.js().PublishMsg(ctx, msg)
	if again == nil || failed == nil {
		return again
	}
	return notRestored(ending.With(err, again), failed)
}

func notRestored(failed, err error) error {
	return fmt.Errorf("%w: the stream cannot be made again, if it is gone: %w", failed, err)
}

// message is an event as it is stored.
func (d *durable) message(ctx context.Context, event any) (*nats.Msg, error) {
	data, err := encode(d.codec, nil, event)
	if err != nil {
		return nil, err
	}
	id := ""
	if e, ok := event.(Identified); ok {
		id = e.EventID()
	}
	if id == "" {
		id = deadletter.NewID()
	}
	partition := 0
	if k, ok := event.(Keyed); ok && d.keyed {
		partition = Partition(k.PartitionKey(), d.config.partitions)
	}
	id = escapeValue(id)
	h := d.n.wire.header(ctx, d.attributes, id)
	h[jetstream.MsgIDHeader] = []string{id}
	msg := &nats.Msg{Subject: d.prefix + strconv.Itoa(partition), Header: h, Data: data}
	size := msg.Size()
	if headers := size - len(data); headers > headerLimit {
		return nil, fmt.Errorf("%w: the event's headers, with its ID, have %d bytes, %d fit", ErrTooLarge, headers, headerLimit)
	}
	if limit := eventLimit(d.n.nc.MaxPayload()); int64(size) > limit {
		return nil, fmt.Errorf("%w: the event has %d bytes with its headers, %d fit", ErrTooLarge, size, limit)
	}
	return msg, nil
}

// headerLimit is how large an event's headers may be with its subject: JetStream
// refuses those of more than 64 KiB, which would be too late behind an outbox.
const headerLimit = 60 << 10

// letterRoom is what a dead letter may add to the event that it is of.
const letterRoom = 64 << 10

// eventLimit is how large an event may be. Before the first connection nothing is
// known of the server's limit.
func eventLimit(maxPayload int64) int64 {
	if maxPayload <= 0 {
		maxPayload = 1 << 20
	}
	return max(maxPayload-letterRoom, maxPayload/2)
}

// failed says what became of an event that was not stored.
func (d *durable) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return fmt.Errorf("store the event in %s: %w", d.stream, d.n.whyLate(explained(ending.Told(ctx, err)), d.prefix, "$JS."))
}

// explained adds to an error of the client's what it means here: that the node's
// connection is closed is mediator.ErrClosed too, and that nobody listens where
// JetStream does that it is not there.
func explained(err error) error {
	switch {
	case (errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrConnectionDraining)) && !errors.Is(err, mediator.ErrClosed):
		return fmt.Errorf("%w: %w", errNodeClosed, err)
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("JetStream does not answer: is it enabled on the server and for this account? %w", err)
	}
	return err
}
