// Package rejection knows the errors of calls that were turned away before their
// handler ran. What watches calls asks here, for it does not import the package of the
// guards, such as limiters, that turn them away.
package rejection

import (
	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
)

var is = func(error) bool { return false }

// Know has [Is] ask f. It is for the init of the package with the guards: where that
// is not in the program, there are no such errors.
func Know(f func(error) bool) { is = f }

// Is tells whether err is the rejection of a guard, or has one in it. What panics when it
// is asked is none. It is safe for concurrent use.
func Is(err error) (rejected bool) {
	defer func() { rejected = recover() == nil && rejected }()
	return is(err)
}

// Unsubscribed tells whether err says no more than that the subscription was stopped
// before its handler ran, and not that it was stopped between two attempts: what is
// joined to that may be the error of the first. An error of the mediator's around it is
// that of a call which the handler has made, and that one's subscription was stopped.
func Unsubscribed(err error) bool {
	return ending.Only[*mediator.Error](err, mediator.ErrUnsubscribed)
}
