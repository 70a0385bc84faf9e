// Package caught makes errors of panics.
package caught

import (
	"runtime/debug"

	"github.com/fsmediator/mediator"
)

// Apart runs f on a goroutine of its own and waits for it. A panic of f is its
// error, and a Goexit [mediator.ErrGoexit]: for code of others that is called where
// the goroutine has to go on.
func Apart(f func()) error {
	ended := make(chan error)
	go func() {
		err := mediator.ErrGoexit
		defer func() {
			if v := recover(); v != nil {
				err = Panic(v)
			}
			ended <- err
		}()
		f()
		err = nil
	}()
	return <-ended
}

// Panic is what a recovered panic becomes. It is to be called in the deferred
// function that recovered v, so that the stack still shows where the panic began;
// a PanicError that travelled on as a panic keeps the stack of its origin.
func Panic(v any) *mediator.PanicError {
	if p, ok := v.(*mediator.PanicError); ok {
		return p
	}
	return &mediator.PanicError{Value: v, Stack: debug.Stack()}
}
