// Package wrapped looks through errors of others, with which anything may be wrong: a
// nil pointer panics when it is asked what it wraps, and one may wrap itself.
package wrapped

import (
	"iter"
	"slices"
)

// most bounds how many errors are looked at.
const most = 256

// All is err and the errors it wraps, depth first: none for nil. What panics when it is
// asked wraps nothing.
func All(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		left := most
		walk(err, &left, yield)
	}
}

func walk(err error, left *int, yield func(error) bool) bool {
	if err == nil {
		return true
	}
	if *left--; *left < 0 || !yield(err) {
		return false
	}
	for _, e := range By(err) {
		if !walk(e, left, yield) {
			return false
		}
	}
	return true
}

// By is what err itself wraps, none of them nil.
func By(err error) (inner []error) {
	defer func() {
		if recover() != nil {
			inner = nil
		}
	}()
	switch e := err.(type) { //nolint:errorlint // it is what unwraps
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		inner = slices.Clone(e.Unwrap())
	}
	return slices.DeleteFunc(inner, func(e error) bool { return e == nil })
}

// Is is errors.Is for an err of others. What panics when it is asked is not target.
func Is(err, target error) bool {
	for e := range All(err) {
		if is(e, target) {
			return true
		}
	}
	return false
}

func is(err, target error) (is bool) {
	defer func() { is = recover() == nil && is }()
	if err == target { //nolint:errorlint // All unwraps
		return true
	}
	asked, ok := err.(interface{ Is(target error) bool })
	return ok && asked.Is(target)
}
