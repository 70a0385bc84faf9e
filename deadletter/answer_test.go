package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

// business is an answer of the business, if it says so.
type business struct{ answer func() bool }

func (*business) Error() string    { return "no credit" }
func (b *business) Business() bool { return b.answer() }

func says(answer bool) error { return &business{func() bool { return answer }} }

func TestAnAnswerOfTheBusinessIsNoLetterIfTheCallerHasIt(t *testing.T) {
	for name, tc := range map[string]struct {
		err     error
		letters int // of a request and of a stream
	}{
		"marked":            {behaviors.Business(io.EOF), 0},
		"wrapped":           {fmt.Errorf("pay: %w", says(true)), 0},
		"joined":            {errors.Join(errDeclined, says(true)), 0},
		"invalid":           {fmt.Errorf("pay: %w", behaviors.ErrInvalid), 0},
		"of Validate":       {&behaviors.InvalidError{Err: io.EOF}, 0},
		"retried":           {&behaviors.RetryError{Tries: 2, Err: says(true)}, 0},
		"not so":            {says(false), 1},
		"not so, first":     {errors.Join(says(false), says(true)), 1},
		"any other":         {errDeclined, 1},
		"a panic with one":  {&mediator.PanicError{Value: says(true)}, 1},
		"it cannot be told": {&business{func() bool { panic("torn") }}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := &switched{err: tc.err}
			kept := func(opts ...deadletter.Option) func(call func(m *mediator.Mediator) error) int {
				store := deadletter.NewMemory()
				m := newMediator(t, mediator.Use(deadletter.Behavior(store, opts...)), mediator.Handle(h.charge), mediator.Subscribe(h.paid),
					mediator.HandleStream(func(context.Context, Rates) iter.Seq2[int, error] {
						return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, tc.err) }
					}))
				return func(call func(m *mediator.Mediator) error) int {
					before := len(letters(t, store))
					err := call(m)
					require.ErrorIs(t, err, tc.err, "the caller has it in any case")
					_, lost := errors.AsType[*deadletter.StoreError](err)
					require.False(t, lost)
					return len(letters(t, store)) - before
				}
			}
			request := func(m *mediator.Mediator) error { _, err := mediator.Send(t.Context(), m, Charge{}); return err }
			notification := func(m *mediator.Mediator) error { return mediator.Publish(t.Context(), m, OrderPaid{}) }
			stream := func(m *mediator.Mediator) (err error) {
				for _, err = range mediator.Stream(t.Context(), m, Rates{}) {
				}
				return err
			}
			byDefault, asked := kept(), kept(deadletter.If(func(context.Context, mediator.Call, error) bool { return true }))
			require.Equal(t, tc.letters, byDefault(request))
			require.Equal(t, tc.letters, byDefault(stream))
			require.Equal(t, 1, byDefault(notification), "nobody else knows")
			for _, call := range []func(*mediator.Mediator) error{request, stream, notification} {
				require.Equal(t, 1, asked(call), "If replaces the default wholly")
			}
		})
	}
}

func TestAPanicWithAnAnswerOfTheBusinessIsALetter(t *testing.T) {
	store := deadletter.NewMemory()
	m := newMediator(t, mediator.Use(deadletter.Behavior(store)),
		mediator.Handle(func(context.Context, Charge) (Receipt, error) { panic(behaviors.Business(errDeclined)) }))
	require.Panics(t, func() { _, _ = mediator.Send(t.Context(), m, Charge{}) })
	require.NotEmpty(t, theLetter(t, store).Stack)
}
