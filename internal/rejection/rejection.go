// Package rejection knows the errors of calls that were turned away before their
// handler ran. What watches calls asks here, for it does not import the package of the
// guards, such as limiters, that turn them away.
package rejection

import (
	"errors"

	"github.com/fsmediator/mediator"
)

var is = func(error) bool { return false }

// Know has [Is] ask f. It is for the init of the package with the guards: where that
// is not in the program, there are no such errors.
func Know(f func(error) bool) { is = f }

// Is tells whether err is the rejection of a guard, or has one in it. It is safe for
// concurrent use.
func Is(err error) bool { return is(err) }

// Unsubscribed tells whether err says no more than that the subscription was stopped
// before its handler ran, and not that it was stopped between two attempts: what is
// joined to that may be the error of the first.
func Unsubscribed(err error) bool {
	if !errors.Is(err, mediator.ErrUnsubscribed) {
		return false
	}
	for {
		if tried, ok := err.(interface{ Attempts() int }); ok && tried.Attempts() > 1 {
			return false
		}
		switch e := err.(type) { //nolint:errorlint // it is what unwraps
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) != 1 {
				return false
			}
			err = all[0]
		default:
			return err == mediator.ErrUnsubscribed //nolint:errorlint // as above
		}
	}
}
