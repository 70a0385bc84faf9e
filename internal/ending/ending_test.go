package ending_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/fsmediator/mediator/internal/ending"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errShutdown = errors.New("shutting down")

func ended(cause error) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return ctx
}

func TestOf(t *testing.T) {
	require.NoError(t, ending.Of(context.Background()))
	require.Equal(t, context.Canceled, ending.Of(ended(nil)))
	detailed := fmt.Errorf("by the user: %w", context.Canceled)
	require.Equal(t, detailed, ending.Of(ended(detailed)), "it says all there is")

	err := ending.Of(ended(errShutdown))
	require.EqualError(t, err, "context canceled: shutting down")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errShutdown)

	ctx, cancel := context.WithDeadlineCause(context.Background(), time.Time{}, errShutdown)
	defer cancel()
	require.EqualError(t, ending.Of(ctx), "context deadline exceeded: shutting down")
}

func TestTold(t *testing.T) {
	errOther := errors.New("declined")
	require.NoError(t, ending.Told(ended(errShutdown), nil))
	require.Equal(t, errOther, ending.Told(ended(errShutdown), errOther))
	require.Equal(t, context.Canceled, ending.Told(context.Background(), context.Canceled), "another context's")
	require.Equal(t, context.Canceled, ending.Told(ended(nil), context.Canceled))
	require.EqualError(t, ending.Told(ended(errShutdown), fmt.Errorf("query: %w", context.Canceled)), "query: context canceled: shutting down")
}

func TestWith(t *testing.T) {
	require.Equal(t, errShutdown, ending.With(errShutdown, nil, errShutdown))
	err := ending.With(errShutdown, context.Canceled, errShutdown, context.DeadlineExceeded)
	require.EqualError(t, err, "shutting down: context canceled: context deadline exceeded")
	for _, target := range []error{errShutdown, context.Canceled, context.DeadlineExceeded} {
		require.ErrorIs(t, err, target)
	}
}

// tried is an error of several attempts.
type tried struct {
	error
	times int
}

func (e tried) Attempts() int { return e.times }
func (e tried) Unwrap() error { return e.error }

// turning wraps itself.
type turning struct{}

func (turning) Error() string   { return "turning" }
func (t turning) Unwrap() error { return t }

// wrapping panics when a nil pointer to it is asked what it wraps.
type wrapping struct{ inner error }

func (*wrapping) Error() string   { return "wrapping" }
func (w *wrapping) Unwrap() error { return w.inner }

// torn panics when it is asked how often it was tried.
type torn struct{ error }

func (torn) Attempts() int { panic("torn") }

func TestOnly(t *testing.T) {
	what, other := errors.New("what"), errors.New("other")
	for _, err := range []error{what, fmt.Errorf("around: %w", what), errors.Join(what), tried{what, 1}, fmt.Errorf("a: %w", tried{errors.Join(what), 1}), &wrapping{what}} {
		require.True(t, ending.Only[*fs.PathError](err, what), err)
	}
	for _, err := range []error{nil, other, errors.Join(other, what), tried{what, 2}, fmt.Errorf("a: %w", tried{what, 2}), fmt.Errorf("%w: %w", what, other), turning{},
		(*wrapping)(nil), torn{what}, &fs.PathError{Err: what}, fmt.Errorf("a: %w", &fs.PathError{Err: what})} {
		require.False(t, ending.Only[*fs.PathError](err, what), err)
	}
}

func TestWhatPanicsWhenItIsAskedIsNotTheEnd(t *testing.T) {
	broken := (*wrapping)(nil)
	require.Equal(t, broken, ending.Told(ended(errShutdown), broken))
	err := ending.Of(ended(broken))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "context canceled: wrapping", err.Error())
}
