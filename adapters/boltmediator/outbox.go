package boltmediator

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/fsmediator/mediator/deadletter"
	"go.etcd.io/bbolt"
)

// Sentinels of an [Outbox], to be tested with [errors.Is].
var (
	// ErrFull: the outbox holds as much as [MaxDepth] allows. There is room again
	// once Ack has removed records.
	ErrFull = errors.New("outbox is full")
	// ErrNoRecord: the outbox never had a record of that ID, as when the ID is of
	// another file.
	ErrNoRecord = errors.New("record was never appended")
)

// Record is one entry of an [Outbox].
type Record struct {
	// ID is the record's place: 1, 2, 3 and so on, without gaps, and never given
	// twice in one outbox of one file. Another file begins at 1 again, so what has
	// to be unique beyond belongs into Data.
	ID   uint64
	Data []byte
}

// Outbox is a queue of records in a [Store]'s file, first in, first out: what is
// accepted here is to be relayed elsewhere, by whoever reads it with Next and
// removes it with Ack once it has arrived. A relay that ends between the two finds
// the records again: they are relayed at least once.
//
// Its changes share the transactions and syncs of the store's, and so those of
// all callers that wait at the same time. It is safe for concurrent use, until
// the store is closed: [ErrClosed]. All that [Store] says of full disks is true of
// it, too. [Retain] is not about it.
type Outbox struct {
	store   *Store
	line    *line
	name    string
	records int
	bytes   int64
}

// OutboxOption is about one [Store.Outbox].
type OutboxOption func(o *Outbox)

// MaxDepth sets how many records, and how many bytes of them, Append lets there
// be. Default: 1,000,000 and 1 GiB. It panics if one of them is not positive.
func MaxDepth(records int, bytes int64) OutboxOption {
	if records <= 0 || bytes <= 0 {
		panic(fmt.Sprintf("boltmediator: MaxDepth(%d, %d): both have to be positive", records, bytes))
	}
	return func(o *Outbox) { o.records, o.bytes = records, bytes }
}

// Outbox returns the outbox of that name, which the file need not have yet: the
// first Append makes it. What is returned for one name is one outbox, but for the
// options. It panics if the name is empty or longer than 255 bytes.
func (s *Store) Outbox(name string, opts ...OutboxOption) *Outbox {
	if name == "" || len(name) > math.MaxUint8 {
		panic(fmt.Sprintf("boltmediator: Outbox: a name of %d bytes: it has to have 1 to %d", len(name), math.MaxUint8))
	}
	o := &Outbox{store: s, line: s.line(name), name: name, records: 1_000_000, bytes: 1 << 30}
	for _, opt := range opts {
		if opt == nil {
			panic("boltmediator: Outbox: a nil OutboxOption")
		}
		opt(o)
	}
	return o
}

// Append puts records last, in their order, without others between them: all or
// none. It returns once they are synced. If ctx ends first, or the disk fails
// ([ErrDisk]), they may be in the outbox or not. It does not wait for room:
// [ErrFull], or [deadletter.ErrTooLarge] if they could never fit. It keeps nothing
// of records.
func (o *Outbox) Append(ctx context.Context, records ...[]byte) error {
	if len(records) == 0 {
		return nil
	}
	values, size := encodeRecords(records)
	if len(records) > o.records || size > o.bytes {
		return o.failed("append to outbox", fmt.Errorf("%w: %d records of %d bytes, the outbox holds %d of %d", deadletter.ErrTooLarge, len(records), size, o.records, o.bytes))
	}
	var full error // not returned by the change: the others need not begin again for it
	err := o.store.submit(ctx, func(tx *bbolt.Tx) error {
		e := o.line.begin(tx)
		if full = nil; e.records()+len(values) > o.records || e.bytes+size > o.bytes {
			full = fmt.Errorf("%w: it has %d records of %d bytes", ErrFull, e.records(), e.bytes)
			return nil
		}
		return o.line.append(tx, values, size)
	})
	if err == nil {
		err = full
	}
	return o.failed("append to outbox", err)
}

// Next returns the records that follow the one of the ID after, 0 for the first,
// in order: at least one, for which it waits, and at most limit, but no more once
// they have 1 MiB together. A limit of 0 or less means
// [deadletter.DefaultPage]. It removes nothing: what is not acknowledged is
// returned again for the same after. When ctx ends, or the store is closed, while
// it waits, it returns that error.
func (o *Outbox) Next(ctx context.Context, after uint64, limit int) ([]Record, error) {
	if limit <= 0 {
		limit = deadletter.DefaultPage
	}
	for {
		e, grown := o.line.state()
		if after > e.last {
			return nil, o.failed("read outbox", fmt.Errorf("%w: %d, the last is %d", ErrNoRecord, after, e.last))
		}
		var records []Record
		err := o.store.view(ctx, func(b *bbolt.Bucket) (err error) {
			records, err = o.line.read(b.Tx(), after, e.last, limit)
			return err
		})
		if err != nil || len(records) > 0 {
			return records, o.failed("read outbox", err)
		}
		select {
		case <-grown:
		case <-ctx.Done():
		case <-o.store.done:
		}
	}
}

// Ack removes the records up to the one of the ID upTo, with it, and returns once
// that is synced; with those that are removed already it does nothing. If ctx ends
// first, or the disk fails ([ErrDisk]), they may be removed or not. An ID beyond the last is [ErrNoRecord].
func (o *Outbox) Ack(ctx context.Context, upTo uint64) error {
	var missing error // as in Append
	err := o.store.submit(ctx, func(tx *bbolt.Tx) error {
		e := o.line.begin(tx)
		if missing = nil; upTo > e.last {
			missing = fmt.Errorf("%w: %d, the last is %d", ErrNoRecord, upTo, e.last)
			return nil
		}
		return o.line.remove(tx, upTo)
	})
	if err == nil {
		err = missing
	}
	return o.failed("acknowledge in outbox", err)
}

// Depth returns how many records there are: appended, synced and not acknowledged.
// It does not read the file.
func (o *Outbox) Depth() int {
	e, _ := o.line.state()
	return e.records()
}

func (o *Outbox) failed(op string, err error) error {
	return o.store.failed(op, o.name, err)
}
