//go:build !mediator_safe

package mediator

import "unsafe"

// typeHash returns a number that is the same for the same T and differs between
// types: the address of T's type descriptor, which the first word of an
// interface value holds. This is all the unsafe there is, and nothing rests on
// it but speed: were that word something else, find would miss, and the slow way
// by reflect.Type would be taken. Build with -tags mediator_safe to do without.
//
// T has to be a pointer type, so that its zero value is put into an interface
// without an allocation.
func typeHash[T any]() uint64 {
	var zero T
	boxed := any(zero)
	// As a pointer, not as a uintptr: the compiler then takes the word from its
	// register, and does not go through memory.
	return uint64(uintptr(*(*unsafe.Pointer)(unsafe.Pointer(&boxed))))
}
