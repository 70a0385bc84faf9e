// Package answer knows the errors that are answers of the business.
package answer

import (
	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// business is an error that may be an answer.
type business interface{ Business() bool }

// Is tells whether err says by a method Business() bool that what was called works
// and says no. Of joined errors the first that has the method decides, as for
// errors.As; an error with a panic or Goexit in it is no answer, nor one that panics when
// asked.
func Is(err error) bool {
	var first business
	for e := range wrapped.All(err) {
		if e == mediator.ErrGoexit { //nolint:errorlint // All unwraps
			return false
		}
		switch e := e.(type) { //nolint:errorlint // All unwraps
		case *mediator.PanicError:
			return false
		case business:
			if first == nil {
				first = e
			}
		}
	}
	return first != nil && says(first)
}

func says(b business) (yes bool) {
	defer func() { yes = recover() == nil && yes }()
	return b.Business()
}
