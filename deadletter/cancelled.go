package deadletter

import (
	"context"
	"errors"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/fsmediator/mediator/internal/watch"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// isCancelled tells whether err says no more than that the caller was cancelled: all
// that is at the bottom of it says so, or, if the handler was not run, that a guard has
// turned the call away. What panics when it is asked says something else.
func isCancelled(ctx context.Context, c mediator.Call, err error) (is bool) {
	defer func() { is = recover() == nil && is }()
	if !errors.Is(ctx.Err(), context.Canceled) {
		return false
	}
	cause, ran := context.Cause(ctx), watch.RunsOf(c) > 0
	if wrapped.Is(cause, mediator.ErrClosed) {
		return false
	}
	for e := range wrapped.All(err) {
		tried, ok := e.(interface{ Attempts() int })
		switch {
		case ran && ok && tried.Attempts() > 1: // the error of the first is not in it
			return false
		case len(wrapped.By(e)) > 0:
		case wrapped.Is(e, context.Canceled), wrapped.Is(cause, e):
			is = true
		case ran || !rejection.Is(e):
			return false
		}
	}
	return is
}
