package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// hungUp is the error of a driver that was cancelled.
type hungUp struct{}

func (hungUp) Error() string        { return "operation was canceled" }
func (hungUp) Is(target error) bool { return target == context.Canceled }

// wrapping is an error of which a nil pointer panics when it is asked what it wraps.
type wrapping struct{ inner error }

func (*wrapping) Error() string   { return "wrapping" }
func (w *wrapping) Unwrap() error { return w.inner }

// tornCount panics when it is asked how often it was tried.
type tornCount struct{ error }

func (tornCount) Attempts() int { panic("torn") }

// turning wraps itself.
func turning() error {
	w := &wrapping{}
	w.inner = w
	return w
}

func TestFault9ACancelledCallerIsNoDeadLetter(t *testing.T) {
	errGone := errors.New("client gone")
	for name, tc := range map[string]struct {
		opts   []deadletter.Option
		cause  error
		fail   func(ctx context.Context) error
		letter bool
	}{
		"its error":              {cause: context.Canceled, fail: context.Context.Err},
		"its cause":              {cause: errGone, fail: context.Cause},
		"wrapped":                {cause: errGone, fail: func(ctx context.Context) error { return fmt.Errorf("query: %w", ctx.Err()) }},
		"another error":          {cause: errGone, fail: func(context.Context) error { return errDeclined }, letter: true},
		"if asked":               {cause: errGone, fail: context.Context.Err, opts: []deadletter.Option{deadletter.Cancelled()}, letter: true},
		"a mediator's Close":     {cause: fmt.Errorf("ending: %w", mediator.ErrClosed), fail: context.Context.Err, letter: true},
		"a driver's word for it": {cause: errGone, fail: func(context.Context) error { return fmt.Errorf("dial: %w", hungUp{}) }},
		"part of its cause":      {cause: errors.Join(errGone, io.EOF), fail: func(ctx context.Context) error { return errors.Join(io.EOF, ctx.Err()) }},
		"and more":               {cause: errGone, fail: func(ctx context.Context) error { return errors.Join(ctx.Err(), errDeclined) }, letter: true},
		"and a panic":            {cause: errGone, fail: func(ctx context.Context) error { return errors.Join(ctx.Err(), &mediator.PanicError{Value: "torn"}) }, letter: true},
		"a nil pointer":          {cause: errGone, fail: func(context.Context) error { return (*wrapping)(nil) }, letter: true},
		"one that cannot count":  {cause: errGone, fail: func(ctx context.Context) error { return tornCount{ctx.Err()} }, letter: true},
		"one that wraps itself":  {cause: errGone, fail: func(context.Context) error { return turning() }, letter: true},
	} {
		t.Run(name, func(t *testing.T) {
			store := deadletter.NewMemory()
			ctx, cancel := context.WithCancelCause(t.Context())
			m := newMediator(t, mediator.Use(deadletter.Behavior(store, tc.opts...)),
				mediator.Handle(func(ctx context.Context, _ Charge) (Receipt, error) {
					cancel(tc.cause)
					return Receipt{}, tc.fail(ctx)
				}))
			_, err := mediator.Send(ctx, m, Charge{})
			require.Error(t, err)
			require.Len(t, letters(t, store), map[bool]int{true: 1}[tc.letter])
		})
	}
}

// A handler that is cancelled from within, with its caller still there, failed.
func TestFault9AHandlersOwnCancellationIsADeadLetter(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)), mediator.Handle((&switched{err: context.Canceled}).charge))
	_, err := mediator.Send(t.Context(), m, Charge{})
	require.Equal(t, context.Canceled, err)
	require.Len(t, letters(t, store), 1)
}

// What failed before its caller left has failed.
func TestACallerThatLeavesBetweenAttemptsLeavesALetter(t *testing.T) {
	for name, tc := range map[string]struct {
		handle  func(ctx context.Context, attempt int, leave func()) error
		letters int
	}{
		"in the wait": {handle: func(_ context.Context, _ int, leave func()) error { leave(); return errDeclined }, letters: 1},
		"in the next attempt": {handle: func(ctx context.Context, attempt int, leave func()) error {
			if attempt == 1 {
				return errDeclined
			}
			leave()
			return ctx.Err()
		}, letters: 1},
		"in the first":                         {handle: func(ctx context.Context, _ int, leave func()) error { leave(); return ctx.Err() }},
		"turned away by what the handler asks": {handle: func(_ context.Context, _ int, leave func()) error { leave(); return behaviors.ErrLimited }, letters: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := deadletter.NewMemory()
				ctx, leave := context.WithCancel(t.Context())
				attempt := 0
				m := newMediator(t, mediator.Use(deadletter.Behavior(store), behaviors.Retry(behaviors.RetryConfig{RetryIf: func(error) bool { return true }})),
					mediator.Subscribe(func(ctx context.Context, _ OrderPaid) error { attempt++; return tc.handle(ctx, attempt, leave) }))
				require.ErrorIs(t, mediator.Publish(ctx, m, OrderPaid{}), context.Canceled)
				require.Len(t, letters(t, store), tc.letters)
			})
		})
	}
}

// What was turned away did not come to its handler: there is nothing but the caller's leave.
func TestACallerThatLeavesBeforeTheHandlerRanLeavesNoLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := deadletter.NewMemory(), new(switched)
		ctx, leave := context.WithCancel(t.Context())
		m := newMediator(t, mediator.Use(deadletter.Behavior(store), behaviors.Retry(behaviors.RetryConfig{}),
			mediator.Around(func(context.Context, mediator.Call, mediator.Next) error { leave(); return behaviors.ErrLimited })),
			mediator.Subscribe(h.paid))
		err := mediator.Publish(ctx, m, OrderPaid{})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, behaviors.ErrLimited)
		require.Zero(t, h.count())
		require.Empty(t, letters(t, store))
	})
}
