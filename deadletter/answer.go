package deadletter

import (
	"context"

	"github.com/fsmediator/mediator"
)

// unanswered is the default of [If]: a notification has no caller who waits for an
// answer of the business.
func unanswered(_ context.Context, c mediator.Call, err error) bool {
	return c.Kind() == mediator.KindNotification || !isAnswer(err)
}

// isAnswer tells whether err says by a method Business() bool that it is an answer
// of the business. As for errors.As, the first that has the method decides; an
// error with a panic in it is none.
func isAnswer(err error) bool {
	found, answer := false, false
	for e := range tree(err) {
		switch e := e.(type) { //nolint:errorlint // tree unwraps
		case *mediator.PanicError:
			return false
		case interface{ Business() bool }:
			if !found {
				found = true
				_ = guard(func() error { answer = e.Business(); return nil })
			}
		}
	}
	return answer
}

// isUnsubscribed tells whether err says no more than that the subscription was stopped
// before its handler ran. What is joined to that may be an attempt before, and an error
// of the mediator's is that of a call which the handler has made.
func isUnsubscribed(err error) bool {
	if attempts(err) > 1 {
		return false
	}
	for range maxErrors {
		if err == mediator.ErrUnsubscribed { //nolint:errorlint // it is what is walked through
			return true
		}
		inner := wrapped(err)
		if _, nested := err.(*mediator.Error); nested || len(inner) != 1 { //nolint:errorlint // as above
			return false
		}
		err = inner[0]
	}
	return false
}
