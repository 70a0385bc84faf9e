//go:build mediator_safe

package mediator

import "reflect"

// typeHash returns a number that is the same for the same T and differs between
// types: the address of T's type descriptor as reflect tells it.
func typeHash[T any]() uint64 {
	return uint64(reflect.ValueOf(reflect.TypeFor[T]()).Pointer())
}
