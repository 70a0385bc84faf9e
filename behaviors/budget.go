package behaviors

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// BudgetConfig configures a [Budget]. Its zero value means the defaults.
type BudgetConfig struct {
	// Ratio is the share of a retry that each call earns, above 0 up to 1.
	// Default: 0.2, so that one call in five may be retried.
	Ratio float64
	// Min is how many retries there may be in each Window, whatever the calls have
	// earned: where calls are few, a share of them is nothing. Default: 3; none if
	// it is negative.
	Min int
	// Window is the time that Min is for; it slides. Default: 10s.
	Window time.Duration
	// Burst is how many earned retries are kept for later, enough for the calls in
	// flight when a connection breaks. Default: 100.
	Burst int
}

// Budget bounds retries by a share of the calls, so that retries of what is
// overloaded do not multiply its load. It is a token bucket that calls fill, not
// time: with the defaults, n calls are retried n/5 times at most, and up to 100
// times more if calls before have earned that. Streams are retried at its cost until
// they have delivered an item: a stream that broke off and goes on is no more load
// than before, and a crowd of them that breaks off at once has to come back.
//
// One Budget may be shared by any number of [Retry] and [Hedge], such as all that
// call the same server; but each earns by itself, so not by two around the same
// handler ([mediator.New] warns of a Hedge inside a Retry). It is safe for concurrent use. While the bucket is full,
// a call costs it one read of shared memory.
type Budget struct {
	unlimited bool
	earns     int64
	most      int64
	least     int // Min
	window    int64

	saved atomic.Int64 // negative: retries of Min that later calls have to earn

	mu     sync.Mutex
	recent []int64 // when the newest retries were taken, least of them at most
}

const (
	retryCost   = 1 << 20 // one retry in units of saved
	mostRetries = math.MaxInt32
)

// NewBudget returns a Budget. It panics if c makes no sense.
func NewBudget(c BudgetConfig) *Budget {
	switch {
	case !(c.Ratio >= 0 && c.Ratio <= 1):
		panic(fmt.Sprintf("behaviors: NewBudget: Ratio is %v, not a share from 0 to 1", c.Ratio))
	case c.Window < 0:
		panic(fmt.Sprintf("behaviors: NewBudget: Window is negative: %v", c.Window))
	case c.Burst < 0:
		panic(fmt.Sprintf("behaviors: NewBudget: Burst is negative: %d", c.Burst))
	}
	if c.Ratio == 0 {
		c.Ratio = 0.2
	}
	switch {
	case c.Min == 0:
		c.Min = 3
	case c.Min < 0:
		c.Min = 0
	}
	if c.Window == 0 {
		c.Window = 10 * time.Second
	}
	if c.Burst == 0 {
		c.Burst = 100
	}
	c.Min, c.Burst = min(c.Min, mostRetries), min(c.Burst, mostRetries)
	return &Budget{earns: int64(math.Ceil(c.Ratio * retryCost)), most: int64(c.Burst) * retryCost, least: c.Min, window: int64(c.Window)}
}

// NoBudget returns a Budget that refuses nothing: for tests, and where something
// else bounds the retries.
func NoBudget() *Budget { return &Budget{unlimited: true} }

// earn counts a call.
func (b *Budget) earn() {
	if b.saved.Load() < b.most {
		b.add(b.earns)
	}
}

// add changes what is saved, within bounds, and returns by how much.
func (b *Budget) add(n int64) int64 {
	for {
		saved := b.saved.Load()
		changed := min(b.most, max(saved+n, -int64(b.least)*retryCost))
		if b.saved.CompareAndSwap(saved, changed) {
			return changed - saved
		}
	}
}

// take takes one retry, if there is one. What it returns gives it back.
func (b *Budget) take() (giveBack func(), ok bool) {
	if b.unlimited {
		return func() {}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := nanos()
	b.recent = slices.DeleteFunc(b.recent, func(at int64) bool { return at <= now-b.window })
	if b.saved.Load() < retryCost && len(b.recent) >= b.least {
		return nil, false
	}
	spent := -b.add(-retryCost)
	if b.least > 0 {
		if len(b.recent) == b.least {
			b.recent = slices.Delete(b.recent, 0, 1)
		}
		b.recent = append(b.recent, now)
	}
	return func() { b.giveBack(now, spent) }, true
}

func (b *Budget) giveBack(at, spent int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(spent)
	if i := slices.Index(b.recent, at); i >= 0 {
		b.recent = slices.Delete(b.recent, i, i+1)
	}
}
