package boltmediator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"go.etcd.io/bbolt"
)

// The records of an outbox are in a bucket of its own, each under its ID, 8 bytes,
// big endian, as
//
//	version  1 byte: 1
//	checksum 4 bytes, big endian: CRC-32C of the data
//	data     the rest
//
// The IDs have no gaps, and the bucket's sequence number is the last of them, also
// when that record is gone.
const (
	recordVersion = 1
	recordHeader  = 5
	mostRead      = 1 << 20 // bytes, by one Next
)

var outboxPrefix = []byte("outbox ")

// line is what all handles on one outbox share.
type line struct {
	bucket []byte

	mu    sync.Mutex
	now   extent        // as of the last transaction that is synced
	grown chan struct{} // closed when now.last has grown

	// Of the committer's goroutine: the transaction in progress, and the extent as
	// it leaves it.
	tx   *bbolt.Tx
	next extent
}

// extent says which records there are: first to last, if there are any.
type extent struct {
	first, last uint64
	bytes       int64
}

func (e extent) records() int { return int(e.last + 1 - e.first) }

// line returns the outbox of a name.
func (s *Store) line(name string) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[name]
	if l == nil {
		l = newLine(name, extent{first: 1})
		s.lines[name] = l
	}
	return l
}

func newLine(name string, e extent) *line {
	return &line{bucket: append(bytes.Clone(outboxPrefix), name...), now: e, grown: make(chan struct{})}
}

// openLines finds the outboxes of a file. checked is what was found when it was
// checked, since when another process may have changed it.
func openLines(tx *bbolt.Tx, checked map[string]extent) (map[string]*line, error) {
	lines := map[string]*line{}
	err := tx.ForEach(func(key []byte, b *bbolt.Bucket) error {
		name, ok := bytes.CutPrefix(key, outboxPrefix)
		if !ok {
			return nil
		}
		e := extentOf(b, checked[string(name)])
		lines[string(name)] = newLine(string(name), e)
		return nil
	})
	return lines, err
}

// extentOf looks at which records there are. known saves reading them all if it
// still holds: they never change.
func extentOf(b *bbolt.Bucket, known extent) extent {
	e := extent{first: b.Sequence() + 1, last: b.Sequence()}
	c := b.Cursor()
	k, v := c.First()
	if len(k) == 8 {
		e.first = binary.BigEndian.Uint64(k)
	}
	if known.first == e.first && known.last == e.last {
		return known
	}
	for ; k != nil; k, v = c.Next() {
		e.bytes += int64(len(v))
	}
	return e
}

func (l *line) state() (extent, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, l.grown
}

// begin returns the extent within tx. It looks into the file once a transaction:
// one that failed is in it all the same if no more than its last sync did.
func (l *line) begin(tx *bbolt.Tx) extent {
	if l.tx != tx {
		l.tx = tx
		l.next, _ = l.state()
		if b := tx.Bucket(l.bucket); b != nil {
			l.next = extentOf(b, l.next)
		}
		tx.OnCommit(l.committed)
	}
	return l.next
}

func (l *line) committed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	grown := l.next.last > l.now.last
	l.now, l.tx = l.next, nil
	if grown {
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

func (l *line) append(tx *bbolt.Tx, values [][]byte, size int64) (err error) {
	b := tx.Bucket(l.bucket)
	if b == nil {
		if b, err = tx.CreateBucket(l.bucket); err != nil {
			return err
		}
	}
	b.FillPercent = 1 // nothing is ever put between
	for i, v := range values {
		if err := b.Put(recordKey(l.next.last+1+uint64(i)), v); err != nil {
			return err
		}
	}
	l.next.last += uint64(len(values))
	l.next.bytes += size
	return b.SetSequence(l.next.last)
}

func (l *line) remove(tx *bbolt.Tx, upTo uint64) error {
	b := tx.Bucket(l.bucket)
	for ; l.next.first <= upTo; l.next.first++ {
		k := recordKey(l.next.first)
		v := b.Get(k)
		if v == nil {
			return fmt.Errorf("%w: record %d is missing", ErrCorrupt, l.next.first)
		}
		l.next.bytes -= int64(len(v))
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// read returns records after the ID after, but none after last: what is not synced
// yet can already be read.
func (l *line) read(tx *bbolt.Tx, after, last uint64, limit int) (records []Record, err error) {
	b := tx.Bucket(l.bucket)
	if b == nil {
		return nil, nil
	}
	size := 0
	c := b.Cursor()
	for k, v := c.Seek(recordKey(after + 1)); k != nil && len(records) < limit && size < mostRead; k, v = c.Next() {
		var r Record
		if r, err = decodeRecord(k, v); err != nil {
			return nil, err
		}
		if r.ID > last {
			break
		}
		if n := len(records); n > 0 && r.ID != records[n-1].ID+1 {
			return nil, fmt.Errorf("%w: record %d follows record %d", ErrCorrupt, r.ID, records[n-1].ID)
		}
		size += len(r.Data)
		records = append(records, r)
	}
	return records, nil
}

func recordKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// encodeRecords returns the values of records, and their bytes.
func encodeRecords(records [][]byte) (values [][]byte, size int64) {
	for _, r := range records {
		size += recordHeader + int64(len(r))
	}
	values, all := make([][]byte, len(records)), make([]byte, 0, size)
	for i, r := range records {
		start := len(all)
		all = append(all, recordVersion)
		all = binary.BigEndian.AppendUint32(all, crc32.Checksum(r, castagnoli))
		all = append(all, r...)
		values[i] = all[start:len(all):len(all)]
	}
	return values, size
}

// decodeRecord copies what it needs of key and value.
func decodeRecord(key, value []byte) (r Record, err error) {
	switch {
	case len(key) != 8:
		err = fmt.Errorf("its key has %d bytes", len(key))
	case len(value) < recordHeader:
		err = fmt.Errorf("it has %d bytes", len(value))
	case value[0] != recordVersion:
		err = fmt.Errorf("it is of version %d, not %d", value[0], recordVersion)
	case binary.BigEndian.Uint32(value[1:]) != crc32.Checksum(value[recordHeader:], castagnoli):
		err = errors.New("its checksum is wrong")
	default:
		return Record{ID: binary.BigEndian.Uint64(key), Data: append([]byte{}, value[recordHeader:]...)}, nil
	}
	return r, fmt.Errorf("%w: record %x: %w", ErrCorrupt, key, err)
}
