// Package ledger keeps what a service knows of each order in a file, so that a
// process that was killed and is started again goes on where the other one was.
package ledger

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/fsmediator/mediator"
	bolt "go.etcd.io/bbolt"
	"go.etcd.io/bbolt/errors"
)

// Ledger is a record for each order. The nil Ledger keeps nothing: that of a
// service whose orders end with its process. It is safe for concurrent use.
type Ledger struct {
	db *bolt.DB
}

var records = []byte("records")

const (
	lockTimeout = time.Second
	// gather is how long a record waits for others to be synced with it.
	gather = 2 * time.Millisecond
)

// Open opens a file, or makes it. It has one process at a time; another one that
// opens it fails after a second.
func Open(path string) (*Ledger, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout})
	if err == errors.ErrTimeout { //nolint:errorlint // it is what bolt returns
		err = fmt.Errorf("another process has it open: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	db.MaxBatchDelay = gather
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(records)
		return err
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return &Ledger{db: db}, nil
}

// Close ends the use of the file.
func (l *Ledger) Close() error {
	if l == nil {
		return nil
	}
	return l.db.Close()
}

// Loaded has mediator.New fail, before anything is started that is wired behind it,
// if a service could not read its ledger.
func Loaded(err error) mediator.Option {
	if err == nil {
		return mediator.Options()
	}
	return mediator.OnStart(func(*mediator.Mediator) error { return err })
}

// Put returns when the record is synced, along with those of others that come at
// the same time. Steps only grow: a record whose step is not above that of the
// one that is there is left out, since what makes it comes late.
func (l *Ledger) Put(id string, step int, record any) error {
	if l == nil {
		return nil
	}
	body, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", id, err)
	}
	value := append(binary.BigEndian.AppendUint64(nil, uint64(step)), body...) //nolint:gosec // steps count from 0
	err = l.db.Batch(func(tx *bolt.Tx) error {
		b := tx.Bucket(records)
		if there, _, ok := split(b.Get([]byte(id))); ok && there >= step {
			return nil
		}
		return b.Put([]byte(id), value)
	})
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", id, err)
	}
	return nil
}

// Get returns the record of an order, and its step; false if there is none.
func Get[R any](l *Ledger, id string) (record R, step int, ok bool, err error) {
	if l == nil {
		return record, 0, false, nil
	}
	err = l.db.View(func(tx *bolt.Tx) error {
		var body []byte
		if step, body, ok = split(tx.Bucket(records).Get([]byte(id))); ok {
			return json.Unmarshal(body, &record)
		}
		return nil
	})
	if err != nil {
		return record, 0, false, fmt.Errorf("ledger: %s: %w", id, err)
	}
	return record, step, ok, nil
}

// Entry is a record and whose it is.
type Entry[R any] struct {
	ID     string
	Step   int
	Record R
}

// All yields all records, as they are at one moment, in order of their IDs. An
// error comes last.
func All[R any](l *Ledger) iter.Seq2[Entry[R], error] {
	return func(yield func(Entry[R], error) bool) {
		if l == nil {
			return
		}
		err := l.db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket(records).Cursor()
			for id, value := c.First(); id != nil; id, value = c.Next() {
				e := Entry[R]{ID: string(id)}
				step, body, ok := split(value)
				if !ok {
					return fmt.Errorf("%s: the record is cut off", id)
				}
				e.Step = step
				if err := json.Unmarshal(body, &e.Record); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				if !yield(e, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(Entry[R]{}, fmt.Errorf("ledger: %w", err))
		}
	}
}

func split(value []byte) (step int, body []byte, ok bool) {
	if len(value) < 8 {
		return 0, nil, false
	}
	return int(binary.BigEndian.Uint64(value)), value[8:], true //nolint:gosec // Put has written it
}
