package market

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// ErrLost means that a reader asked for quotes that are no longer on the tape.
var ErrLost = errors.New("the quotes are no longer on the tape")

// Tape is a log of the newest quotes, with one writer and any number of readers,
// each at a place of its own. It holds a bounded number of quotes: a writer that is
// half of that ahead of the slowest reader waits for it. The other half is for
// readers that are gone for a moment, because their line was cut, and come back.
type Tape struct {
	mu      sync.Mutex
	size    uint64
	quotes  []Quote // of a full tape, the one with number n is at (n-1) % size
	newest  uint64  // number; 0: none
	readers map[*reader]struct{}
	changed chan struct{} // closed when something has; nil while nobody waits
	ended   bool
	stopped chan struct{}
}

// reader is one reader of a Tape.
type reader struct{ read uint64 } // the number of the last quote it was given

// NewTape returns a tape that holds size quotes, at least 2.
func NewTape(size int) *Tape {
	return &Tape{size: uint64(max(size, 2)), readers: map[*reader]struct{}{}, stopped: make(chan struct{})}
}

// Newest returns the number of the newest quote.
func (t *Tape) Newest() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest
}

// Write gives q the next number and puts it on the tape. It returns false, and
// writes nothing, if the tape was stopped or ctx ends while it waits for readers.
func (t *Tape) Write(ctx context.Context, q Quote) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.ended && t.newest-t.slowest() >= t.size/2 {
		if !t.wait(ctx) {
			return false
		}
	}
	if t.ended {
		return false
	}
	t.newest++
	q.Number = t.newest
	if uint64(len(t.quotes)) < t.size {
		t.quotes = append(t.quotes, q)
	} else {
		t.quotes[(q.Number-1)%t.size] = q
	}
	t.tell()
	return true
}

// End says that nothing more will be written: readers end when they have read what
// is there.
func (t *Tape) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.tell()
}

// Stop ends the tape and has readers end at once, wherever they are.
func (t *Tape) Stop() {
	t.End()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.hasStopped() {
		close(t.stopped)
	}
}

// Stopped is closed by Stop.
func (t *Tape) Stopped() <-chan struct{} { return t.stopped }

func (t *Tape) hasStopped() bool {
	select {
	case <-t.stopped:
		return true
	default:
		return false
	}
}

// Read returns the quotes after the one with the given number, and waits for those
// to come. It ends with the tape, with ctx's cause if that ends, or with [ErrLost].
func (t *Tape) Read(ctx context.Context, after uint64) iter.Seq2[Quote, error] {
	return func(yield func(Quote, error) bool) {
		r := t.enter(after)
		defer t.leave(r)
		batch := make([]Quote, 0, readAtOnce)
		for {
			var err error
			if batch, err = t.take(ctx, r, batch[:0]); err != nil {
				yield(Quote{}, err)
				return
			}
			if len(batch) == 0 {
				return
			}
			for _, q := range batch {
				if t.hasStopped() || !yield(q, nil) {
					return
				}
			}
		}
	}
}

const readAtOnce = 64

func (t *Tape) enter(after uint64) *reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &reader{read: after}
	t.readers[r] = struct{}{}
	return r
}

func (t *Tape) leave(r *reader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.readers, r)
	t.tell()
}

// take appends what r has not read, waiting for something if need be. There is
// nothing at the end of the tape.
func (t *Tape) take(ctx context.Context, r *reader, batch []Quote) ([]Quote, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for r.read >= t.newest && !t.ended {
		if !t.wait(ctx) {
			return nil, context.Cause(ctx)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if t.newest > t.size && r.read < t.newest-t.size {
		return nil, ErrLost
	}
	for r.read < t.newest && len(batch) < cap(batch) {
		batch = append(batch, t.quotes[r.read%t.size])
		r.read++
	}
	t.tell()
	return batch, nil
}

// slowest is the last quote that all readers were given.
func (t *Tape) slowest() uint64 {
	least := t.newest
	for r := range t.readers {
		least = min(least, r.read)
	}
	return least
}

// wait waits for a change, without the lock; false if ctx ended.
func (t *Tape) wait(ctx context.Context) bool {
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	changed := t.changed
	t.mu.Unlock()
	defer t.mu.Lock()
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

// tell wakes those who wait.
func (t *Tape) tell() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}
