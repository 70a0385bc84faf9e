package behaviors

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Backoff is how the wait before a retry grows from one to the next. All of them
// stay at or below [RetryConfig.MaxDelay].
type Backoff uint8

const (
	// FullJitter waits a random time from 0 to what Exponential waits. Callers
	// that failed together come back apart, which takes the least calls of all to
	// serve them (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog
	// 2015). It is the default.
	FullJitter Backoff = iota
	// Fixed waits Delay each time.
	Fixed
	// Linear waits Delay, 2 Delay, 3 Delay, …
	Linear
	// Exponential waits Delay, 2 Delay, 4 Delay, …
	Exponential
	// Decorrelated waits a random time from Delay to three times the wait before,
	// from Delay to 3 Delay at first (the same source).
	Decorrelated
)

// String returns the name of the constant.
func (b Backoff) String() string {
	switch b {
	case FullJitter:
		return "FullJitter"
	case Fixed:
		return "Fixed"
	case Linear:
		return "Linear"
	case Exponential:
		return "Exponential"
	case Decorrelated:
		return "Decorrelated"
	}
	return fmt.Sprintf("Backoff(%d)", uint8(b))
}

// wait returns how long to wait before the nth retry, n from 1, given the wait
// before the one before.
func (b Backoff) wait(n int, delay, longest, before time.Duration) time.Duration {
	switch b {
	case Fixed:
		return min(delay, longest)
	case Linear:
		return min(longest, times(delay, n))
	case Decorrelated:
		if before < delay {
			before = delay
		}
		return min(longest, between(delay, times(before, 3)))
	}
	exponential := min(delay, longest)
	for i := 1; i < n && exponential > 0 && exponential < longest; i++ {
		exponential = min(longest, times(exponential, 2))
	}
	if b == Exponential {
		return exponential
	}
	return between(0, exponential)
}

// times is d n times, or the longest duration there is.
func times(d time.Duration, n int) time.Duration {
	if d > 0 && time.Duration(n) > (1<<63-1)/d {
		return 1<<63 - 1
	}
	return d * time.Duration(n)
}

// between is a random duration from low to high.
func between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	if high-low == 1<<63-1 {
		return low + time.Duration(rand.Int64())
	}
	return low + rand.N(high-low+1)
}
