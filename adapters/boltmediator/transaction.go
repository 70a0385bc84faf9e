package boltmediator

import (
	"encoding/binary"
	"errors"

	"github.com/fsmediator/mediator/deadletter"
	"go.etcd.io/bbolt"
)

// transaction is what a change may use.
type transaction struct {
	tx             *bbolt.Tx
	bucket         *bbolt.Bucket
	letters, bytes int64
	dropped        []deadletter.Letter
}

func begin(tx *bbolt.Tx) *transaction {
	t := &transaction{tx: tx, bucket: tx.Bucket(lettersBucket)}
	t.letters, t.bytes = sizes(tx)
	return t
}

func (t *transaction) get(id []byte) (deadletter.Letter, error) { return get(t.bucket, id) }

func (t *transaction) remove(l deadletter.Letter) error {
	t.letters--
	t.bytes -= int64(l.Size())
	return t.bucket.Delete([]byte(l.ID))
}

// retain drops what is too much.
func (t *transaction) retain(keep deadletter.Retention) error {
	for {
		lowest, over, err := t.over(keep)
		if err != nil || !over {
			return err
		}
		if err := t.remove(lowest); err != nil {
			return err
		}
		t.dropped = append(t.dropped, lowest)
	}
}

// over tells whether there is too much, and which letter is the first to go.
func (t *transaction) over(keep deadletter.Retention) (lowest deadletter.Letter, over bool, err error) {
	if keep.Letters == 0 && keep.Bytes == 0 && keep.Age == 0 {
		return lowest, false, nil
	}
	k, v := t.bucket.Cursor().First()
	if k == nil {
		return lowest, false, nil
	}
	lowest, err = decode(k, v)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		return lowest, false, err
	}
	return lowest, keep.Exceeded(int(t.letters), t.bytes, lowest.First), nil
}

func (t *transaction) end() error {
	value := binary.BigEndian.AppendUint64(nil, uint64(t.letters))
	value = binary.BigEndian.AppendUint64(value, uint64(t.bytes))
	return t.tx.Bucket(metaBucket).Put(sizeKey, value)
}

// sizes returns the number of letters and of their bytes.
func sizes(tx *bbolt.Tx) (letters, bytes int64) {
	if v := tx.Bucket(metaBucket).Get(sizeKey); len(v) == 16 {
		return int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:]))
	}
	return 0, 0
}
