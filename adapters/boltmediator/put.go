package boltmediator

import (
	"context"
	"errors"
	"fmt"

	"github.com/fsmediator/mediator/deadletter"
	berrors "go.etcd.io/bbolt/errors"
)

// Put implements [deadletter.Store]. It returns once the letter is synced. If ctx
// ends first, the letter may be stored or not. A letter that alone is more than
// the [deadletter.Retention] allows is [deadletter.ErrTooLarge].
func (s *Store) Put(ctx context.Context, l deadletter.Letter) error {
	return s.failed("put", l.ID, s.put(ctx, l, false))
}

// Replace implements [deadletter.Replacer], as Put does [deadletter.Store].
func (s *Store) Replace(ctx context.Context, l deadletter.Letter) error {
	return s.failed("replace", l.ID, s.put(ctx, l, true))
}

func (s *Store) put(ctx context.Context, l deadletter.Letter, replace bool) error {
	err := deadletter.CheckID(l.ID)
	if err != nil {
		return err
	}
	value, l, err := encode(l)
	if err != nil {
		return err
	}
	id, size := []byte(l.ID), int64(l.Size())
	if s.keep.Bytes > 0 && size > s.keep.Bytes {
		return fmt.Errorf("%w: %d bytes, the store keeps %d", deadletter.ErrTooLarge, size, s.keep.Bytes)
	}
	var missing error // as in Delete
	err = s.update(ctx, func(tx *transaction) error {
		old, err := tx.get(id)
		missing = nil
		switch {
		case err == nil || errors.Is(err, ErrUnreadable):
			tx.letters--
			tx.bytes -= int64(old.Size())
		case !errors.Is(err, deadletter.ErrNotFound):
			return err
		case replace:
			missing = err
			return nil
		}
		tx.letters++
		tx.bytes += size
		if err := tx.bucket.Put(id, value); err != nil {
			if errors.Is(err, berrors.ErrValueTooLarge) {
				err = fmt.Errorf("%w: %w", deadletter.ErrTooLarge, err)
			}
			return err
		}
		return tx.retain(s.keep)
	})
	if err == nil {
		err = missing
	}
	return err
}
