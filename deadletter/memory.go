package deadletter

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator/internal/ending"
)

// Memory is a [Store] in memory, bounded by a [Retention]. What it drops is
// counted by Dropped. The zero Memory is ready to use, with the defaults of
// [NewMemory]. It must not be copied.
type Memory struct {
	keep    Retention
	dropped atomic.Uint64

	mu      sync.RWMutex
	letters map[string]Letter
	ids     []string // sorted
	bytes   int64
}

// MemoryOption configures a [Memory].
type MemoryOption interface{ applyMemory(m *Memory) }

const (
	defaultLetters = 10_000
	defaultBytes   = 64 << 20
)

// NewMemory returns an empty store. A [Retention] is an option; what is zero in it
// means 10,000 letters, 64 MiB, any age. It panics if a limit is negative.
func NewMemory(opts ...MemoryOption) *Memory {
	m := &Memory{}
	for _, o := range opts {
		if o == nil {
			panic("deadletter: NewMemory: a nil MemoryOption")
		}
		o.applyMemory(m)
	}
	m.keep.Check()
	return m
}

func (m *Memory) limits() Retention {
	r := m.keep
	if r.Letters == 0 {
		r.Letters = defaultLetters
	}
	if r.Bytes == 0 {
		r.Bytes = defaultBytes
	}
	return r
}

// Dropped returns how many letters were dropped.
func (m *Memory) Dropped() uint64 { return m.dropped.Load() }

// Put implements [Store]. It is ErrTooLarge if the letter alone is more than what
// may be kept; then nothing is dropped for it.
func (m *Memory) Put(ctx context.Context, l Letter) error { return m.store(ctx, l, false) }

// Replace implements [Replacer], as Put does [Store].
func (m *Memory) Replace(ctx context.Context, l Letter) error { return m.store(ctx, l, true) }

func (m *Memory) store(ctx context.Context, l Letter, replace bool) error {
	if err := ending.Of(ctx); err != nil {
		return err
	}
	if err := CheckID(l.ID); err != nil {
		return err
	}
	limits := m.limits()
	size := int64(l.Size())
	if size > limits.Bytes {
		return fmt.Errorf("%w: %d bytes, the store keeps %d", ErrTooLarge, size, limits.Bytes)
	}
	dropped, ok := m.put(l.Clone(), size, limits, replace)
	if !ok {
		return notFound(l.ID)
	}
	m.dropped.Add(uint64(len(dropped)))
	if limits.OnDrop != nil {
		for _, d := range dropped {
			limits.OnDrop(d)
		}
	}
	return nil
}

// put returns false if there is nothing to replace.
func (m *Memory) put(l Letter, size int64, limits Retention, replace bool) (dropped []Letter, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.letters == nil {
		m.letters = map[string]Letter{}
	}
	if old, ok := m.letters[l.ID]; ok {
		m.bytes -= int64(old.Size())
	} else if replace {
		return nil, false
	} else if i, _ := slices.BinarySearch(m.ids, l.ID); i == len(m.ids) {
		m.ids = append(m.ids, l.ID)
	} else {
		m.ids = slices.Insert(m.ids, i, l.ID)
	}
	m.letters[l.ID] = l
	m.bytes += size
	for len(m.ids) > 0 {
		lowest := m.letters[m.ids[0]]
		if !limits.Exceeded(len(m.ids), m.bytes, lowest.First) {
			break
		}
		m.remove(lowest, 0)
		dropped = append(dropped, lowest)
	}
	return dropped, true
}

// remove is called with mu held, with the letter whose ID is ids[i].
func (m *Memory) remove(l Letter, i int) {
	delete(m.letters, l.ID)
	m.bytes -= int64(l.Size())
	if i == 0 {
		m.ids[0] = ""
		m.ids = m.ids[1:]
		return
	}
	m.ids = slices.Delete(m.ids, i, i+1)
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, id string) (Letter, error) {
	if err := ending.Of(ctx); err != nil {
		return Letter{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	l, ok := m.letters[id]
	if !ok {
		return Letter{}, notFound(id)
	}
	return l.Clone(), nil
}

// List implements [Store].
func (m *Memory) List(ctx context.Context, f Filter, after string, limit int) (letters []Letter, next string, err error) {
	if limit <= 0 {
		limit = DefaultPage
	}
	err = m.each(ctx, f, after, func(l Letter) bool {
		if len(letters) == limit {
			next = letters[limit-1].ID
			return false
		}
		letters = append(letters, l.Clone())
		return true
	})
	if err != nil {
		return nil, "", err
	}
	return letters, next, nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, id string) error {
	if err := ending.Of(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.letters[id]
	if !ok {
		return notFound(id)
	}
	i, _ := slices.BinarySearch(m.ids, id)
	m.remove(l, i)
	return nil
}

// Count implements [Store].
func (m *Memory) Count(ctx context.Context, f Filter) (n int, err error) {
	err = m.each(ctx, f, "", func(Letter) bool { n++; return true })
	if err != nil {
		return 0, err
	}
	return n, nil
}

// each calls do with the matching letters after the cursor, until it returns
// false. They are the store's own.
func (m *Memory) each(ctx context.Context, f Filter, after string, do func(Letter) bool) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	i, found := slices.BinarySearch(m.ids, after)
	if found {
		i++
	}
	if err := ending.Of(ctx); err != nil {
		return err
	}
	for n, id := range m.ids[i:] {
		if n%1024 == 1023 {
			if err := ending.Of(ctx); err != nil {
				return err
			}
		}
		if l := m.letters[id]; f.Match(l) && !do(l) {
			return nil
		}
	}
	return nil
}

func notFound(id string) error { return fmt.Errorf("%w: %q", ErrNotFound, id) }
