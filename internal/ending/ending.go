// Package ending says why a context ended, so that all of the causes are reachable
// by [errors.Is].
package ending

import (
	"context"
	"errors"
	"fmt"
)

// Of is why ctx ended: ctx.Err() with its cause; nil if it has not.
func Of(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); errors.Is(cause, err) {
		return cause
	}
	return With(err, context.Cause(ctx))
}

// Told is err, with why ctx ended if err says no more than that it did.
func Told(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) {
		return With(err, context.Cause(ctx))
	}
	return err
}

// With is err, and each of causes that it does not say yet.
func With(err error, causes ...error) error {
	for _, cause := range causes {
		if cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
	}
	return err
}

// Only tells whether err says no more than what: it is what, or wraps that alone, and
// not as the last of several attempts. Other errors are not asked for what they are.
func Only(err, what error) bool {
	for range deepest {
		if err == what { //nolint:errorlint // it is what is walked through
			return true
		}
		if tried, ok := err.(interface{ Attempts() int }); ok && tried.Attempts() > 1 {
			return false
		}
		switch e := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) != 1 {
				return false
			}
			err = all[0]
		default:
			return false
		}
	}
	return false
}

// deepest is how far Only looks: there are errors that wrap themselves.
const deepest = 100
