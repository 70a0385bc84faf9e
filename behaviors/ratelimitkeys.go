package behaviors

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator/internal/ending"
)

// limits is the limits of a [RateLimitBy], by key.
type limits struct {
	create func(key string) *rateLimit // nil for a key without a limit
	most   int

	known atomic.Pointer[map[string]*rateLimit] // replaced under mu, never changed

	mu        sync.Mutex
	fresh     map[string]*freshLimit // those that known has not got yet
	looks     int                    // into fresh, since known was replaced
	swept     int64                  // see nanos; 0: never
	forgotten uint64                 // rejections of keys that made room
}

// freshLimit is a limit that may still have to be made.
type freshLimit struct {
	turn chan struct{} // has one while it is being made
	made atomic.Bool
	r    *rateLimit // does not change once it is made
}

func newLimits(most int, create func(key string) *rateLimit) *limits {
	ls := &limits{create: create, most: most, fresh: map[string]*freshLimit{}}
	ls.known.Store(&map[string]*rateLimit{})
	return ls
}

// of returns that of the key, and makes it if need be, or waits until another call has
// made it or ctx ends.
func (ls *limits) of(ctx context.Context, key string) (*rateLimit, error) {
	if r, ok := (*ls.known.Load())[key]; ok {
		return r, nil
	}
	key, f, r := ls.find(key)
	if f == nil {
		return r, nil
	}
	if f.made.Load() {
		return f.r, nil
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ending.Of(ctx)
	}
	defer func() { <-f.turn }()
	if !f.made.Load() {
		defer ls.drop(key, f) // if it panics
		f.r = ls.create(key)
		f.made.Store(true)
	}
	return f.r, nil
}

// find returns the limit of the key, or of what is more than there is room for, known
// or fresh, and whose it is.
func (ls *limits) find(key string) (string, *freshLimit, *rateLimit) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !ls.has(key) && ls.isFull() && !ls.sweep() {
		key = BreakerOtherKeys
	}
	if r, ok := (*ls.known.Load())[key]; ok {
		return key, nil, r
	}
	f := ls.fresh[key]
	if f == nil {
		f = &freshLimit{turn: make(chan struct{}, 1)}
		ls.fresh[key] = f
	}
	// Each look pays for its part of the next copy.
	if ls.looks++; ls.looks > len(*ls.known.Load()) {
		ls.replace(maps.Clone(*ls.known.Load()))
	}
	return key, f, nil
}

// has is called with mu held.
func (ls *limits) has(key string) bool {
	_, known := (*ls.known.Load())[key]
	return known || ls.fresh[key] != nil
}

// isFull tells whether there is no room for one more, beside that of the rest. It is
// called with mu held.
func (ls *limits) isFull() bool {
	n := len(*ls.known.Load()) + len(ls.fresh)
	if ls.has(BreakerOtherKeys) {
		n--
	}
	return n >= ls.most
}

// replace makes more what is known, with those of fresh that are made. It is called
// with mu held.
func (ls *limits) replace(more map[string]*rateLimit) {
	for key, f := range ls.fresh {
		if f.made.Load() {
			more[key] = f.r
			delete(ls.fresh, key)
		}
	}
	ls.known.Store(&more)
	ls.looks = 0
}

// sweep forgets the limits that are as new ones would be, and tells whether there is
// room then. It is called with mu held, and looks at all of them once a second at most.
func (ls *limits) sweep() bool {
	now := nanos()
	if ls.swept != 0 && now-ls.swept < int64(time.Second) {
		return false
	}
	ls.swept = now
	ls.replace(maps.Clone(*ls.known.Load()))
	kept := map[string]*rateLimit{}
	for key, r := range *ls.known.Load() {
		if r != nil && !r.asNew() {
			kept[key] = r
		} else if r != nil {
			ls.forgotten += r.rejected.Load()
		}
	}
	ls.replace(kept)
	return !ls.isFull()
}

// drop forgets f if it was not made.
func (ls *limits) drop(key string, f *freshLimit) {
	if f.made.Load() {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.fresh[key] == f {
		delete(ls.fresh, key)
	}
}

// rejections returns those of each key that has some.
func (ls *limits) rejections() map[string]uint64 {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	found := map[string]uint64{}
	add := func(key string, r *rateLimit) {
		if r != nil && r.rejected.Load() > 0 {
			found[key] += r.rejected.Load()
		}
	}
	for key, r := range *ls.known.Load() {
		add(key, r)
	}
	for key, f := range ls.fresh {
		if f.made.Load() {
			add(key, f.r)
		}
	}
	if ls.forgotten > 0 {
		found[BreakerOtherKeys] += ls.forgotten
	}
	return found
}

// asNew tells whether a limiter that is made now would allow the same, as far as one can
// tell.
func (r *rateLimit) asNew() bool {
	switch l := r.l.(type) {
	case *GCRA:
		return l.queued.Load() == 0 && l.full.Load() <= nanos()
	case interface {
		Tokens() float64
		Burst() int
	}:
		return l.Tokens() >= float64(l.Burst())
	}
	return false
}
