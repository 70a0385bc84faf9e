package behaviors

import (
	"errors"
	"fmt"
)

// Why a [Retry] stops before its retries are used up. They are in the
// [*RetryError], beside the last attempt's error.
var (
	// ErrRetryBudget: the [Budget] has no retry left.
	ErrRetryBudget = errors.New("the retry budget is used up")
	// ErrRetryTime: the next retry would begin after [RetryConfig.MaxTotal] or the
	// deadline of the context, or the error asks for a longer wait than
	// [RetryConfig.MaxDelay] or, of an open breaker, than [Retry] grants. For the
	// deadline, the error is [context.DeadlineExceeded] too.
	ErrRetryTime = errors.New("no time is left for a retry")
	// ErrDelivered: the stream cannot start again, because items were delivered.
	ErrDelivered = errors.New("items were delivered")
	// ErrShorter: the stream was started again and ended before it came to the
	// items that were not delivered yet, so it is not the same stream. See
	// [SkipDelivered].
	ErrShorter = errors.New("the stream that was started again is shorter")
)

// RetryError is the error of a call that [Retry] gave up on after it had tried
// again, or that it would have tried again but for Stopped. It is the error of
// the last attempt, and Stopped, for errors.Is and errors.As.
type RetryError struct {
	Tries   int     // how often the handler was tried
	Err     error   // the last attempt's error
	Stopped error   // why no retry followed; nil if they were used up, or Err is not one to retry
	Earlier []error // the errors of the attempts before the last: the first, and at most 99 of the latest
}

// Error counts the attempts and gives the last error.
func (e *RetryError) Error() string {
	text := fmt.Sprintf("after %d attempts: %v", e.Tries, e.Err)
	if e.Tries == 1 {
		text = e.Err.Error()
	}
	if e.Stopped != nil {
		text += fmt.Sprintf(" (not retried: %v)", e.Stopped)
	}
	return text
}

// Attempts returns Tries, for those that ask by an interface.
func (e *RetryError) Attempts() int { return e.Tries }

// Unwrap returns Err, and Stopped if it is set. It does not return the earlier
// errors, for what went wrong first need not be what is wrong still.
func (e *RetryError) Unwrap() []error {
	if e.Stopped == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Stopped}
}
