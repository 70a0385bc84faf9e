package natsmediator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Headers of an atomic batch (ADR-50 of the NATS architecture).
const (
	headerBatch         = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// sendTimeout is how long the server may take to store a batch.
const sendTimeout = 10 * time.Second

// sendAll has the server store the events of records, in their order.
func (o *outbox) sendAll(records []boltmediator.Record) error {
	msgs := make([]*nats.Msg, len(records))
	for i, r := range records {
		var err error
		if msgs[i], err = decodeRecord(r.Data); err != nil {
			return fmt.Errorf("record %d: %w", r.ID, err)
		}
	}
	if !o.d.n.conn().IsConnected() { // the client would keep it in memory, and Close waiting
		return nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(o.stopping, sendTimeout)
	defer cancel()
	if o.d.atomic && len(msgs) > 1 {
		// A batch with an event that is stored already is refused as a whole, as one
		// is that does not fit the server's limits; one by one they may pass.
		err := o.sendBatch(ctx, msgs)
		if err == nil || ctx.Err() != nil {
			return err
		}
		o.d.log.Debug("natsmediator: a batch of the outbox was refused: its events are sent one by one", "stream", o.d.stream, "error", err)
	}
	return o.sendEach(ctx, msgs)
}

// sendBatch has msgs stored all or not at all.
func (o *outbox) sendBatch(ctx context.Context, msgs []*nats.Msg) error {
	nc, id := o.d.n.conn(), nuid.Next()
	var reply *nats.Msg
	for i, msg := range msgs {
		m := &nats.Msg{Subject: msg.Subject, Header: make(nats.Header, len(msg.Header)+3), Data: msg.Data}
		maps.Copy(m.Header, msg.Header)
		m.Header[headerBatch] = []string{id}
		m.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
		var err error
		if i < len(msgs)-1 {
			err = nc.PublishMsg(m)
		} else {
			m.Header[headerBatchCommit] = []string{"1"}
			reply, err = nc.RequestMsgWithContext(ctx, m)
		}
		if err != nil {
			return err
		}
	}
	var ack struct {
		Error    *jetstream.APIError `json:"error"`
		Sequence uint64              `json:"seq"`
		Size     int                 `json:"count"`
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return fmt.Errorf("%w: acknowledgement of a batch: %w", ErrMalformed, err)
	}
	if ack.Error != nil {
		return ack.Error
	}
	if ack.Size != len(msgs) || ack.Sequence < uint64(len(msgs)) {
		return fmt.Errorf("%d events of %d are said to be stored", ack.Size, len(msgs))
	}
	return o.verify(ctx, ack.Sequence-uint64(len(msgs))+1, msgs[0])
}

// verify looks whether a batch begins where it should: a server that is no cluster
// acknowledges a batch by its last message, also if its disk refused others.
func (o *outbox) verify(ctx context.Context, sequence uint64, first *nats.Msg) error {
	if o.stream == nil {
		s, err := o.js.Stream(ctx, o.d.stream)
		if err != nil {
			return err
		}
		o.stream = s
	}
	got, err := o.stream.GetMsg(ctx, sequence)
	if err != nil {
		return err
	}
	if want := first.Header.Get(jetstream.MsgIDHeader); got.Header.Get(jetstream.MsgIDHeader) != want {
		return errors.New("a batch was stored in part")
	}
	return nil
}

// sendEach has msgs stored one by one, in rounds that have one of each partition at
// most: so one that fails is not overtaken by those behind it.
func (o *outbox) sendEach(ctx context.Context, msgs []*nats.Msg) error {
	for len(msgs) > 0 {
		round, rest := []*nats.Msg{}, []*nats.Msg{}
		taken := map[string]bool{}
		for _, m := range msgs {
			if taken[m.Subject] || !o.d.keyed && len(round) >= relayBatch/2 {
				rest = append(rest, m)
				continue
			}
			taken[m.Subject] = o.d.keyed
			round = append(round, m)
		}
		if err := o.sendRound(ctx, round); err != nil {
			return err
		}
		msgs = rest
	}
	return nil
}

// sendRound has msgs stored at the same time.
func (o *outbox) sendRound(ctx context.Context, msgs []*nats.Msg) error {
	futures := make([]jetstream.PubAckFuture, len(msgs))
	var errs []error
	for i, m := range msgs {
		var err error
		if futures[i], err = o.js.PublishMsgAsync(&nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}); err != nil {
			errs = append(errs, err)
			break
		}
	}
	for _, f := range futures {
		if f == nil {
			break
		}
		select {
		case <-f.Ok():
		case err := <-f.Err():
			errs = append(errs, err)
		case <-ctx.Done():
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
	}
	return errors.Join(errs...)
}
