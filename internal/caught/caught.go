// Package caught makes errors of panics.
package caught

import (
	"runtime/debug"

	"github.com/fsmediator/mediator"
)

// Panic is what a recovered panic becomes. It is to be called in the deferred
// function that recovered v, so that the stack still shows where the panic began;
// a PanicError that travelled on as a panic keeps the stack of its origin.
func Panic(v any) *mediator.PanicError {
	if p, ok := v.(*mediator.PanicError); ok {
		return p
	}
	return &mediator.PanicError{Value: v, Stack: debug.Stack()}
}
