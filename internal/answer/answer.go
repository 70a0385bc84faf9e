// Package answer knows the errors that are answers of the business.
package answer

import (
	"errors"

	"github.com/fsmediator/mediator"
)

// Is tells whether err says by a method Business() bool that what was called works
// and says no. Of joined errors one is enough, as for errors.As; an error with a
// panic in it is no answer.
func Is(err error) bool {
	if _, panicked := errors.AsType[*mediator.PanicError](err); panicked {
		return false
	}
	var says interface{ Business() bool }
	return errors.As(err, &says) && says.Business()
}
