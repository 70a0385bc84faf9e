package boltmediator

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator/deadletter"
	"github.com/fsmediator/mediator/internal/ending"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Sentinels, to be tested with [errors.Is].
var (
	// ErrClosed: the store was closed before the call.
	ErrClosed = errors.New("store is closed")
	// ErrLocked: another process, or this one, has the file open.
	ErrLocked = errors.New("file is locked")
	// ErrCorrupt: the file is damaged, or is none of ours.
	ErrCorrupt = errors.New("file is corrupt")
	// ErrUnreadable: a letter is undamaged, but cannot be read, as some that other
	// versions of this package wrote. It costs that letter alone: see [Store.Unreadable].
	ErrUnreadable = errors.New("letter is unreadable")
	// ErrDisk: the file could not be written, because the disk is full or fails.
	ErrDisk = errors.New("file could not be written")
	// ErrReadOnly: the store was opened with [ReadOnly].
	ErrReadOnly = errors.New("store is read-only")
)

// Store is a [deadletter.Store] in a file. It is safe for concurrent use; the
// file is its own until Close.
//
// When the disk is full, or cannot be written to for another reason, Put and
// Delete return [ErrDisk] to all that share the transaction, what was stored
// before stays readable, and the store works again as soon as the disk does.
type Store struct {
	db      *bbolt.DB
	keep    deadletter.Retention
	commits *committer // nil if read-only
	bad     []string   // unreadable IDs at Open
	dropped atomic.Uint64
	closed  atomic.Bool
	done    chan struct{} // closed by Close
	once    sync.Once     // closes it

	mu    sync.Mutex
	drop  []deadletter.Letter // that OnDrop has to be told of
	lines map[string]*line    // outboxes, by name
}

var (
	lettersBucket = []byte("letters")
	metaBucket    = []byte("meta")
	sizeKey       = []byte("size") // the number of letters and their bytes, 8 bytes each
	formatKey     = []byte("format")
	formatValue   = []byte("dead letters 1")
)

// Close waits for the calls in progress and closes the file. It may be called
// more than once; all later calls return [ErrClosed].
func (s *Store) Close() error {
	s.closed.Store(true)
	s.once.Do(func() { close(s.done) })
	if s.commits != nil {
		s.commits.close()
	}
	s.tellDrops()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("boltmediator: close %s: %w", s.db.Path(), err)
	}
	return nil
}

// Dropped returns how many letters were dropped since Open.
func (s *Store) Dropped() uint64 { return s.dropped.Load() }

// Unreadable returns the IDs of the letters that could not be read at Open:
// [ErrUnreadable]. List, and Count with a filter, pass over them; Get returns the
// error; Put and Delete replace and remove them.
func (s *Store) Unreadable() []string { return slices.Clone(s.bad) }

// Delete implements [deadletter.Store].
func (s *Store) Delete(ctx context.Context, id string) error {
	var missing error // not returned by the change: the others need not begin again for it
	err := s.update(ctx, func(tx *transaction) error {
		old, err := tx.get([]byte(id))
		if missing = nil; errors.Is(err, deadletter.ErrNotFound) {
			missing = err
			return nil
		}
		if err != nil && !errors.Is(err, ErrUnreadable) {
			return err
		}
		return tx.remove(old)
	})
	if err == nil {
		err = missing
	}
	return s.failed("delete", id, err)
}

// Get implements [deadletter.Store].
func (s *Store) Get(ctx context.Context, id string) (l deadletter.Letter, err error) {
	err = s.view(ctx, func(b *bbolt.Bucket) error {
		l, err = get(b, []byte(id))
		return err
	})
	return l, s.failed("get", id, err)
}

// List implements [deadletter.Store].
func (s *Store) List(ctx context.Context, f deadletter.Filter, after string, limit int) (letters []deadletter.Letter, next string, err error) {
	if limit <= 0 {
		limit = deadletter.DefaultPage
	}
	err = s.view(ctx, func(b *bbolt.Bucket) error {
		return each(ctx, b, f, after, func(l deadletter.Letter) bool {
			if len(letters) == limit {
				next = letters[limit-1].ID
				return false
			}
			letters = append(letters, l)
			return true
		})
	})
	if err != nil {
		return nil, "", s.failed("list", "", err)
	}
	return letters, next, nil
}

// Count implements [deadletter.Store]. With the zero Filter it costs the same
// whatever the number, if no letter is unreadable.
func (s *Store) Count(ctx context.Context, f deadletter.Filter) (n int, err error) {
	err = s.view(ctx, func(b *bbolt.Bucket) error {
		if f == (deadletter.Filter{}) && len(s.bad) == 0 {
			letters, _ := sizes(b.Tx())
			n = int(letters)
			return nil
		}
		return each(ctx, b, f, "", func(deadletter.Letter) bool { n++; return true })
	})
	if err != nil {
		return 0, s.failed("count", "", err)
	}
	return n, nil
}

// each calls do with the matching letters after the cursor, until it returns
// false.
func each(ctx context.Context, b *bbolt.Bucket, f deadletter.Filter, after string, do func(deadletter.Letter) bool) error {
	c := b.Cursor()
	for k, v := c.Seek([]byte(after)); k != nil; k, v = c.Next() {
		if err := ending.Of(ctx); err != nil {
			return err
		}
		if string(k) == after {
			continue
		}
		l, err := decode(k, v)
		if errors.Is(err, ErrUnreadable) {
			continue
		}
		if err != nil {
			return err
		}
		if f.Match(l) && !do(l) {
			return nil
		}
	}
	return nil
}

func get(b *bbolt.Bucket, id []byte) (deadletter.Letter, error) {
	if len(id) > 0 {
		if v := b.Get(id); v != nil {
			return decode(id, v)
		}
	}
	return deadletter.Letter{}, deadletter.ErrNotFound
}

// view reads the letters.
func (s *Store) view(ctx context.Context, read func(*bbolt.Bucket) error) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if err := ending.Of(ctx); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return protected(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return read(tx.Bucket(lettersBucket)) })
	})
}

// update has change called in the transaction of a group commit. If it returns an
// error it must have changed nothing, or what it changed must go.
func (s *Store) update(ctx context.Context, change func(*transaction) error) error {
	defer s.tellDrops()
	return s.submit(ctx, func(tx *bbolt.Tx) error {
		t := begin(tx)
		if err := change(t); err != nil {
			return err
		}
		if len(t.dropped) > 0 {
			tx.OnCommit(func() { s.noteDrops(t.dropped) })
		}
		return t.end()
	})
}

// submit has run called in the transaction of a group commit.
func (s *Store) submit(ctx context.Context, run func(*bbolt.Tx) error) error {
	if s.commits != nil {
		return s.commits.submit(ctx, run)
	}
	if s.closed.Load() {
		return ErrClosed
	}
	return ErrReadOnly
}

// failed says what could not be done.
func (s *Store) failed(op, id string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		err = ErrClosed
	}
	if id != "" {
		op = fmt.Sprintf("%s %q", op, id)
	}
	return fmt.Errorf("boltmediator: %s: %w", op, err)
}

func (s *Store) noteDrops(letters []deadletter.Letter) {
	s.dropped.Add(uint64(len(letters)))
	if s.keep.OnDrop == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop = append(s.drop, letters...)
}

// tellDrops calls OnDrop, on the goroutine of whoever puts: the committer has no
// time for it.
func (s *Store) tellDrops() {
	if s.keep.OnDrop == nil {
		return
	}
	s.mu.Lock()
	letters := s.drop
	s.drop = nil
	s.mu.Unlock()
	for _, l := range letters {
		s.keep.OnDrop(l)
	}
}
