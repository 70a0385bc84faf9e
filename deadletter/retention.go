package deadletter

import (
	"fmt"
	"time"
)

// Retention is how much a store keeps. Where there is more, letters are dropped,
// the lowest IDs first: of those made by [NewID], the oldest. Each Put sees to
// it; between two of them nothing is dropped. What a zero field means is the
// store's to say. It is an option of [NewMemory].
type Retention struct {
	Letters int           // at most so many
	Bytes   int64         // at most so many, as [Letter.Size] counts
	Age     time.Duration // none whose First is longer ago; looked at from the lowest ID to the first that may stay

	// OnDrop is called with each letter that was dropped, outside of locks, by a
	// call of the store, before it returns. Default: nothing; the store counts them.
	OnDrop func(Letter)
}

// Check panics if a limit is negative.
func (r Retention) Check() {
	if r.Letters < 0 || r.Bytes < 0 || r.Age < 0 {
		panic(fmt.Sprintf("deadletter: Retention with a negative limit: %d letters, %d bytes, %v", r.Letters, r.Bytes, r.Age))
	}
}

// Exceeded tells whether a store with so many letters of so many bytes has to
// drop its lowest letter, which failed at first.
func (r Retention) Exceeded(letters int, bytes int64, first time.Time) bool {
	return r.Letters > 0 && letters > r.Letters ||
		r.Bytes > 0 && bytes > r.Bytes ||
		r.Age > 0 && time.Since(first) > r.Age
}

func (r Retention) applyMemory(m *Memory) { m.keep = r }
