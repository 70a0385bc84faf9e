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
