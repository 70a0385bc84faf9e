package boltmediator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Open opens the file at path, and makes it if there is none. It reads the whole
// file once and refuses one with any damage: [ErrCorrupt]. See [Store.Unreadable]
// for letters that are undamaged and still cannot be read. While another process
// has the file open, it waits for [LockTimeout]: [ErrLocked]. It writes only what
// is missing, or too much for [Retain], so a full disk keeps no file from being
// opened otherwise: [ErrDisk].
func Open(path string, opts ...Option) (*Store, error) {
	c := config{lockTimeout: time.Second}
	for _, o := range opts {
		if o == nil {
			panic("boltmediator: Open: a nil Option")
		}
		o(&c)
	}
	s, err := c.open(path)
	if err != nil {
		if errors.Is(err, berrors.ErrTimeout) {
			err = fmt.Errorf("%w by another process, or opened twice, for more than %v", ErrLocked, c.lockTimeout)
		}
		return nil, fmt.Errorf("boltmediator: open %s: %w", path, err)
	}
	return s, nil
}

func (c config) open(path string) (*Store, error) {
	found := &checker{}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !c.readOnly:
		err = c.create(path)
	case err == nil && !info.Mode().IsRegular():
		err = errors.New("it is not a regular file")
	case err == nil && (info.Size() > 0 || c.readOnly):
		found, err = c.verify(path)
	}
	if err != nil {
		return nil, err
	}
	db, _, err := c.bolt(path, c.readOnly)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, keep: c.keep, bad: found.bad, done: make(chan struct{})}
	err = protected(func() error {
		return db.View(func(tx *bbolt.Tx) (err error) {
			s.lines, err = openLines(tx, found.outboxes)
			return err
		})
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if c.readOnly {
		return s, nil
	}
	if err := setUp(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.commits = newCommitter(db)
	if err := s.tidy(found); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// setUp makes what a file lacks.
func setUp(db *bbolt.DB) error {
	ready := false
	err := protected(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			ready = meta != nil && tx.Bucket(lettersBucket) != nil && bytes.Equal(meta.Get(formatKey), formatValue)
			return nil
		})
	})
	if err != nil || ready {
		return err
	}
	return onDisk(protected(func() error { return db.Update(prepare) }))
}

// tidy corrects the number of bytes and drops what is too much.
func (s *Store) tidy(found *checker) error {
	correct := func(t *transaction) {
		if bytes.Equal(t.tx.Bucket(metaBucket).Get(sizeKey), found.sizes) { // no other process was faster
			t.bytes = found.bytes
		}
	}
	tidy := false
	err := protected(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			t := begin(tx)
			stored := t.bytes
			correct(t)
			_, over, err := t.over(s.keep)
			tidy = t.bytes == stored && !over
			return err
		})
	})
	if err != nil || tidy {
		return err
	}
	return s.update(context.Background(), func(t *transaction) error {
		correct(t)
		return t.retain(s.keep)
	})
}

// create makes the file under another name first: a process that ends meanwhile
// leaves no half of one. If another process is faster, its file is as good.
func (c config) create(path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	unfinished := f.Name()
	defer func() { err = errors.Join(err, os.Remove(unfinished)) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, _, err := c.bolt(unfinished, false)
	if err != nil {
		return onDisk(err)
	}
	if err := errors.Join(onDisk(db.Update(prepare)), db.Close()); err != nil {
		return err
	}
	if err := os.Link(unfinished, path); err != nil && !errors.Is(err, fs.ErrExist) {
		// Not all file systems have links.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		return f.Close() // bbolt fills in what is empty
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // not all systems can
		_ = d.Close()
	}
	return nil
}

// prepare makes what a new file lacks.
func prepare(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if _, err := tx.CreateBucketIfNotExists(lettersBucket); err != nil {
		return err
	}
	if bytes.Equal(meta.Get(formatKey), formatValue) {
		return nil
	}
	return meta.Put(formatKey, formatValue)
}

// verify reads the whole file, under a lock that keeps writers out.
func (c config) verify(path string) (found *checker, err error) {
	db, file, err := c.bolt(path, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return verify(file, info.Size())
}

// bolt opens the file with bbolt, which panics on some of what it finds in a
// damaged one, and then leaves the file open and locked.
func (c config) bolt(path string, readOnly bool) (db *bbolt.DB, file *os.File, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	o := &bbolt.Options{
		Timeout: c.lockTimeout, ReadOnly: readOnly, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			file = f
			return f, err
		},
	}
	err = protected(func() (err error) {
		db, err = bbolt.Open(path, 0o600, o)
		return err
	})
	if err == nil {
		return db, file, nil
	}
	if file == nil || errors.Is(err, berrors.ErrTimeout) {
		return nil, nil, err
	}
	_ = file.Close()
	if _, system := errors.AsType[syscall.Errno](err); !system && !errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil, nil, err
}
