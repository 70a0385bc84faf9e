package natsmediator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

// sent is a record on its way.
type sent struct {
	record  boltmediator.Record
	msg     *nats.Msg // nil if the record makes no sense
	settled bool      // it is stored, or a dead letter
}

// sendAll has the server store the events of records, in their order. What it refuses
// for good is a dead letter. It returns the last record up to which all are settled, 0
// if there is none.
func (o *outbox) sendAll(records []boltmediator.Record) (last uint64, err error) {
	all, open := make([]sent, len(records)), make([]*sent, 0, len(records))
	defer func() {
		for i := range all {
			if !all[i].settled {
				return
			}
			last = all[i].record.ID
		}
	}()
	for i, r := range records {
		msg, err := decodeRecord(r.Data)
		if err == nil && !o.d.isEvent(msg.Subject) {
			msg, err = nil, fmt.Errorf("%w: the subject %q is none of the event's", ErrMalformed, clip(msg.Subject, 100))
		}
		all[i] = sent{record: r, msg: msg}
		if err == nil {
			open = append(open, &all[i])
		} else if err := o.bury(&all[i], err); err != nil {
			return 0, err
		}
	}
	if !o.d.n.nc.IsConnected() { // the client would keep it in memory, and Close waiting
		return 0, nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(o.stopping, sendTimeout)
	defer cancel()
	if o.d.had == nil {
		if err := o.d.ensureStream(ctx); err != nil {
			return 0, explained(err)
		}
	}
	if o.d.atomic && len(open) > 1 {
		// A batch with an event that is stored already is refused as a whole, as one
		// is that does not fit the server's limits; one by one they may pass.
		err := o.sendBatch(ctx, open)
		if err == nil || ctx.Err() != nil {
			return 0, err
		}
		o.d.log.Debug("natsmediator: a batch of the outbox was refused: its events are sent one by one", "stream", o.d.stream, "error", err)
	}
	if err = o.sendEach(ctx, open); isGone(err) {
		restored, failed := o.d.restoreStream(ctx)
		if failed != nil {
			return 0, notRestored(err, failed)
		}
		o.d.atomic = restored.Config.AllowAtomicPublish
	}
	return 0, err
}

// isRefusal tells whether the server will never store the event, whatever else is
// stored: it is too large, or no event.
func isRefusal(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.ErrorCode == messageExceedsMaximum || api.ErrorCode == headerExceedsMaximum
	}
	for _, known := range []error{ErrMalformed, nats.ErrMaxPayload, nats.ErrBadSubject, nats.ErrBadHeaderMsg} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// bury makes a dead letter of what is refused, in the outbox's own file: what is too
// large for the server is too large for letters there. It is nobody's in particular.
func (o *outbox) bury(s *sent, cause error) error {
	r := raw{subject: o.d.prefix, data: s.record.Data, header: nats.Header{headerContentType: {"application/octet-stream"}}, sequence: s.record.ID, stored: time.Now()}
	if s.msg != nil {
		r.subject, r.data, r.header = s.msg.Subject, s.msg.Data, s.msg.Header
	}
	l := o.d.letter("", r, cause)
	sum := sha256.Sum256(append([]byte(o.d.stream+"\x00"), s.record.Data...))
	l.ID = fmt.Sprintf("outbox-%016x-%x", s.record.ID, sum[:8]) // again the same, if it is not known to be stored
	l.Attempts = 0
	ctx, cancel := context.WithTimeout(o.stopping, letterTimeout)
	defer cancel()
	if err := o.d.config.outbox.Put(ctx, l); err != nil {
		return fmt.Errorf("the dead letter of record %d, which the server refuses: %w: %w", s.record.ID, err, cause)
	}
	s.settled = true
	o.d.lettered.Add(scopeOf(l.Name, ""))
	o.refused.failed(o.d.log, slog.LevelError, "the server refuses an event from the outbox for good: it is a dead letter in the outbox's file", cause,
		"stream", o.d.stream, "letter", l.ID)
	return nil
}

// sendBatch has msgs stored all or not at all.
func (o *outbox) sendBatch(ctx context.Context, msgs []*sent) error {
	nc, id := o.d.n.nc, nuid.Next()
	var reply *nats.Msg
	for i, s := range msgs {
		msg := s.msg
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
	if err := o.verify(ctx, ack.Sequence-uint64(len(msgs))+1, msgs[0].msg); err != nil {
		return err
	}
	for _, s := range msgs {
		s.settled = true
	}
	return nil
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
func (o *outbox) sendEach(ctx context.Context, msgs []*sent) error {
	for len(msgs) > 0 {
		round, rest := []*sent{}, []*sent{}
		taken := map[string]bool{}
		for _, s := range msgs {
			if taken[s.msg.Subject] || !o.d.keyed && len(round) >= relayBatch/2 {
				rest = append(rest, s)
				continue
			}
			taken[s.msg.Subject] = o.d.keyed
			round = append(round, s)
		}
		if err := o.sendRound(ctx, round); err != nil {
			return err
		}
		msgs = rest
	}
	return nil
}

// sendRound has msgs stored at the same time.
func (o *outbox) sendRound(ctx context.Context, msgs []*sent) error {
	futures := make([]jetstream.PubAckFuture, len(msgs))
	var errs []error
	note := func(s *sent, err error) {
		if err != nil && isRefusal(err) {
			err = o.bury(s, err)
		}
		if err != nil {
			errs = append(errs, err)
			return
		}
		s.settled = true
	}
	for i, s := range msgs {
		var err error
		if futures[i], err = o.js.PublishMsgAsync(&nats.Msg{Subject: s.msg.Subject, Header: s.msg.Header, Data: s.msg.Data}); err != nil {
			futures[i] = nil
			if note(s, err); len(errs) > 0 {
				break
			}
		}
	}
	for i, f := range futures {
		if f == nil {
			continue
		}
		select {
		case <-f.Ok():
			note(msgs[i], nil)
		case err := <-f.Err():
			note(msgs[i], err)
		case <-ctx.Done():
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
	}
	return errors.Join(errs...)
}
