package mediator

import (
	"context"
	"errors"
	"fmt"

	"github.com/fsmediator/mediator/internal/undone"
)

// BackgroundQueue sets how many [Background] notifications wait at most, and how
// many are handled at a time. Workers start when there is work and end when
// there is none. With one worker notifications are handled in the order they
// were published. Default: 1024, and GOMAXPROCS but at least 4.
//
// They are handled with the values of the context that they were published with, also of
// one that has ended by then: a transaction that a behavior finds there may be over. So
// what joins the transaction of a context must not do so for them, or be taken out of the
// context before the publish.
func BackgroundQueue(capacity, workers int) Option {
	return optionFunc(func(w *wiring) {
		w.once("BackgroundQueue")
		if capacity < 1 || workers < 1 {
			w.fail(fmt.Sprintf("BackgroundQueue(%d, %d)", capacity, workers), errors.New("both must be at least 1"))
		}
		w.background.capacity, w.background.workers = capacity, workers
	})
}

// OnError sets what is called with the errors that no caller receives: those of
// Background notifications, those of the subscribers of a publish whose goroutine
// is ended by [runtime.Goexit], and that a handler of [HandleStreamChan] had to be
// given up. It is called on the goroutine of the handlers, with their context,
// concurrently. Default: an error record of [slog.Default].
func OnError(f func(ctx context.Context, err error)) Option {
	return optionFunc(func(w *wiring) {
		w.once("OnError")
		if f == nil {
			w.fail("OnError", errors.New("the function is nil"))
		}
		w.background.onError = f
	})
}

// UndoneError is what [Mediator.Close] leaves undone when its context ends.
type UndoneError struct {
	Queued  []any    // the notifications that no handler was given, in order
	Names   []string // theirs, see [Named]
	Running int      // goroutines that handled notifications or delivered a ChanStream when they were cancelled
	Err     error    // why Close did not wait longer

	contexts []context.Context // of Queued
}

func init() {
	undone.Know(func(err error) []context.Context {
		e, _ := err.(*UndoneError)
		if e == nil {
			return nil
		}
		return e.contexts
	})
}

// Error counts what is left.
func (e *UndoneError) Error() string {
	return fmt.Sprintf("notifications not handled: %d, goroutines still running: %d: %v", len(e.Queued), e.Running, e.Err)
}

// Unwrap returns why Close did not wait longer.
func (e *UndoneError) Unwrap() error { return e.Err }

type backgroundConfig struct {
	capacity, workers int
	onError           func(context.Context, error)
}
