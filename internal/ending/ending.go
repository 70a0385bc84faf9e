// Package ending says why a context ended, so that all of the causes are reachable
// by [errors.Is]. Errors and causes are those of others, see package wrapped.
package ending

import (
	"context"
	"fmt"

	"github.com/fsmediator/mediator/internal/wrapped"
)

// Of is why ctx ended: ctx.Err() with its cause; nil if it has not.
func Of(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); wrapped.Is(cause, err) {
		return cause
	}
	return With(err, context.Cause(ctx))
}

// Told is err, with why ctx ended if err says no more than that it did.
func Told(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && wrapped.Is(err, ended) {
		return With(err, context.Cause(ctx))
	}
	return err
}

// With is err, and each of causes that it does not say yet.
func With(err error, causes ...error) error {
	for _, cause := range causes {
		if cause != nil && !wrapped.Is(err, cause) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
	}
	return err
}

// Only tells whether err says no more than what: it is what, or wraps that alone, not
// as the last of several attempts, and not in a Not. Other errors are not asked for what
// they are, and what panics when it is asked says something else.
func Only[Not error](err, what error) (only bool) {
	defer func() { only = recover() == nil && only }()
	for range deepest {
		if err == what { //nolint:errorlint // it is what is walked through
			return true
		}
		switch e := err.(type) { //nolint:errorlint // as above
		case Not:
			return false
		case interface{ Attempts() int }:
			if e.Attempts() > 1 {
				return false
			}
		}
		inner := wrapped.By(err)
		if len(inner) != 1 {
			return false
		}
		err = inner[0]
	}
	return false
}

// deepest is how far Only looks: there are errors that wrap themselves.
const deepest = 100
