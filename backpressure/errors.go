package backpressure

import (
	"errors"
	"fmt"
)

// ErrOverflow means that a stream ended because its consumer was too slow, see
// [Fail]. The error is an [*OverflowError].
var ErrOverflow = errors.New("the consumer is too slow")

// OverflowError is what a stream with the strategy [Fail] ends with. It is
// [ErrOverflow].
type OverflowError struct {
	Depth    int // items that were queued
	Capacity int
}

// Error tells how full the queue was.
func (e *OverflowError) Error() string {
	return fmt.Sprintf("%v: %d items are queued, of at most %d", ErrOverflow, e.Depth, e.Capacity)
}

// Unwrap returns [ErrOverflow].
func (e *OverflowError) Unwrap() error { return ErrOverflow }
