package boltmediator

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/fsmediator/mediator/internal/ending"
)

const (
	queueLength = 1024 // operations that wait; more wait to be let in
	maxBatch    = 1024 // operations of one transaction
	// The committer waits for as many operations as lately came together: their
	// callers, woken at the same time, are about to be back, and to commit the first
	// of them alone would have the rest wait for a whole commit more. It waits for the
	// last commit's time divided by patience at most, and no longer than maxWait, for
	// a disk that hung once does not make it worth more.
	patience = 4
	maxWait  = 10 * time.Millisecond
)

// committer is a group commit: it runs operations that wait at the same time in
// one transaction, in the order they came, and tells each when that is synced.
// One goroutine does so until close.
type committer struct {
	db   *bbolt.DB
	ops  chan *operation
	done chan struct{} // closed when the goroutine has ended

	mu     sync.RWMutex // held for reading while an operation is sent
	closed bool
}

// operation is one caller's part of a transaction.
type operation struct {
	run   func(*bbolt.Tx) error
	taken atomic.Bool // by the committer, or back by the caller
	err   chan error
}

func newCommitter(db *bbolt.DB) *committer {
	c := &committer{db: db, ops: make(chan *operation, queueLength), done: make(chan struct{})}
	go c.work()
	return c
}

// submit has run called in a transaction and returns once that is committed, with
// nil, or is not. run is called on another goroutine, again if the transaction
// has to be begun again, and not at the same time as that of another operation.
// If run returns an error, the others go on without it: it may then have changed
// nothing that is kept.
//
// When ctx ends, submit returns its error at once. If run had not been called by
// then, it will not be.
func (c *committer) submit(ctx context.Context, run func(*bbolt.Tx) error) error {
	if err := ending.Of(ctx); err != nil {
		return err
	}
	op := &operation{run: run, err: make(chan error, 1)}
	if err := c.send(ctx, op); err != nil {
		return err
	}
	select {
	case err := <-op.err:
		return err
	case <-ctx.Done():
		op.taken.CompareAndSwap(false, true)
		return ending.Of(ctx)
	}
}

func (c *committer) send(ctx context.Context, op *operation) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return ErrClosed
	}
	select {
	case c.ops <- op:
		return nil
	case <-ctx.Done():
		return ending.Of(ctx)
	}
}

// close lets no more operations in and waits for those that are. It may be called
// more than once.
func (c *committer) close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.ops)
	}
	c.mu.Unlock()
	<-c.done
}

func (c *committer) work() {
	defer close(c.done)
	// A file that another program cuts or damages must fail, not end the process.
	debug.SetPanicOnFault(true)
	var batch []*operation
	var took time.Duration
	want := 1
	for op := range c.ops {
		batch = c.gather(batch, op, want, min(took/patience, maxWait))
		want = max(len(batch), (3*want+len(batch))/4)
		start := time.Now()
		c.commit(batch)
		took = time.Since(start)
	}
}

// gather takes what waits, and waits for up to want operations, but not longer than
// limit. It uses batch again.
func (c *committer) gather(batch []*operation, first *operation, want int, limit time.Duration) []*operation {
	clear(batch)
	batch = batch[:0]
	var start time.Time
	for op := first; ; {
		if op.taken.CompareAndSwap(false, true) {
			batch = append(batch, op)
		}
		if len(batch) == maxBatch {
			return batch
		}
		for op = c.waiting(); op == nil; op = c.waiting() {
			switch {
			case len(batch) >= want:
				return batch
			case start.IsZero():
				start = time.Now()
			case time.Since(start) >= limit: // both are 0 where the clock stands still, as in testing/synctest
				return batch
			}
			runtime.Gosched()
		}
	}
}

// waiting returns an operation that waits, nil if none does.
func (c *committer) waiting() *operation {
	select {
	case op := <-c.ops:
		return op
	default:
		return nil
	}
}

// commit runs the batch in one transaction, or, without those that fail, in
// another.
func (c *committer) commit(batch []*operation) {
	for left := batch; len(left) > 0; {
		failed := -1
		err := protected(func() error {
			return c.db.Update(func(tx *bbolt.Tx) error {
				for i, op := range left {
					if err := protected(func() error { return op.run(tx) }); err != nil {
						failed = i
						return err
					}
				}
				return nil
			})
		})
		if failed < 0 {
			err = onDisk(err)
			for _, op := range left {
				op.err <- err
			}
			return
		}
		left[failed].err <- err
		rest := make([]*operation, 0, len(left)-1)
		left = append(append(rest, left[:failed]...), left[failed+1:]...)
	}
}

// protected turns a panic of f into an error: bbolt panics on what it finds in a
// damaged file.
func protected(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, v)
		}
	}()
	return f()
}

// onDisk says that a transaction that should have been committed was not.
func onDisk(err error) error {
	if err == nil || errors.Is(err, ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDisk, err)
}
