// Package wrapped looks through errors of others, with which anything may be wrong: a
// nil pointer panics when it is asked what it wraps, and one may wrap itself.
package wrapped

import (
	"iter"
	"reflect"
	"slices"
)

// How far errors are looked through that wrap themselves. A publish joins the errors of
// all of its subscribers.
const (
	deepest = 256
	most    = 1 << 16
)

// All is err and the errors it wraps, depth first: none for nil. What panics when it is
// asked wraps nothing.
func All(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		left := most
		walk(err, deepest, &left, yield)
	}
}

func walk(err error, deep int, left *int, yield func(error) bool) bool {
	if err == nil || deep == 0 {
		return true
	}
	if *left--; *left < 0 || !yield(err) {
		return false
	}
	for _, e := range By(err) {
		if !walk(e, deep-1, left, yield) {
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
func Is(err, target error) (found bool) {
	if err == nil || target == nil {
		return err == target //nolint:errorlint // one is nil
	}
	compares := reflect.TypeOf(target).Comparable()
	is := func(e error) bool {
		if compares && e == target { //nolint:errorlint // first and All unwrap
			return true
		}
		asked, ok := e.(interface{ Is(target error) bool })
		return ok && asked.Is(target)
	}
	defer func() {
		if recover() != nil {
			found = among(err, is)
		}
	}()
	left := most
	return first(err, deepest, &left, is)
}

// As is errors.AsType for an err of others, but found is zero if there is none. What
// panics when it is asked is no T.
func As[T any](err error) (found T, ok bool) {
	as := func(e error) (ok bool) {
		if found, ok = e.(T); ok {
			return true
		}
		if asked, asks := e.(interface{ As(target any) bool }); asks {
			found, ok = askedAs[T](asked)
		}
		return ok
	}
	defer func() {
		if recover() != nil {
			ok = among(err, as)
		}
	}()
	left := most
	ok = first(err, deepest, &left, as)
	return found, ok
}

func askedAs[T any](err interface{ As(target any) bool }) (found T, ok bool) {
	if !err.As(&found) {
		return *new(T), false // it may have set found all the same
	}
	return found, true
}

// first tells whether ask says yes to err or one that it wraps, depth first.
func first(err error, deep int, left *int, ask func(error) bool) bool {
	for ; err != nil && deep > 0; deep-- {
		if *left--; *left < 0 {
			return false
		}
		if ask(err) {
			return true
		}
		switch e := err.(type) { //nolint:errorlint // it is what unwraps
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				if first(inner, deep-1, left, ask) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}

// among is first for errors of which one panics when it is asked.
func among(err error, ask func(error) bool) bool {
	for e := range All(err) {
		if guarded(e, ask) {
			return true
		}
	}
	return false
}

func guarded(err error, ask func(error) bool) (yes bool) {
	defer func() { yes = recover() == nil && yes }()
	return ask(err)
}
