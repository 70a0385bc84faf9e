package natsmediator_test

import (
	"context"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/stretchr/testify/require"
)

// refused is an error whose nil pointer is no nil error, and panics when asked.
type refused struct{ why string }

func (e *refused) Error() string { return e.why }

func nilRefused() error {
	var e *refused
	return e
}

func TestErrorThatPanicsWhenAskedIsAnswered(t *testing.T) {
	n := embed(t)
	serve(t, wired(t,
		mediator.Handle(func(context.Context, place) (order, error) { return order{}, nilRefused() }),
		mediator.HandleStream(func(context.Context, count) iterSeq {
			return func(yield func(int, error) bool) { yield(0, nilRefused()) }
		})), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	var p *mediator.PanicError
	_, err := mediator.Send(t.Context(), m, place{})
	require.ErrorAs(t, err, &p)
	require.ErrorContains(t, err, "refused that cannot be asked")
	_, err = collect(mediator.Stream(t.Context(), m, count{}))
	require.ErrorAs(t, err, &p)
	require.ErrorContains(t, err, "cannot be asked")
}

// moody knows one error to compare with.
type moody struct{}

func (moody) Error() string { return "moody" }

func (moody) As(target any) bool {
	if _, ok := target.(*interface{ RetryAfter() time.Duration }); !ok {
		panic("what is that")
	}
	return false
}

func (moody) Is(target error) bool {
	if target != mediator.ErrClosed {
		panic("who is " + target.Error())
	}
	return false
}

func TestErrorThatPanicsWhenComparedIsAnswered(t *testing.T) {
	n := embed(t)
	serve(t, wired(t,
		mediator.Handle(func(context.Context, place) (order, error) { return order{}, moody{} }),
		mediator.HandleStream(func(context.Context, count) iterSeq {
			return func(yield func(int, error) bool) { yield(0, moody{}) }
		})), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	var p *mediator.PanicError
	_, err := mediator.Send(t.Context(), m, place{})
	require.ErrorContains(t, err, "moody")
	require.NotErrorAs(t, err, &p)
	_, err = collect(mediator.Stream(t.Context(), m, count{}))
	require.ErrorContains(t, err, "moody")
	require.NotErrorAs(t, err, &p)
}

// turning is an error that wraps itself, so that errors.Is never ends.
type turning struct{}

func (turning) Error() string { return "turning" }
func (turning) Unwrap() error { return turning{} }

func TestErrorThatWrapsItselfIsAnswered(t *testing.T) {
	n := embed(t)
	serve(t, wired(t,
		mediator.Handle(func(context.Context, place) (order, error) { return order{}, turning{} }),
		mediator.HandleStream(func(context.Context, count) iterSeq {
			return func(yield func(int, error) bool) { yield(0, turning{}) }
		})), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	_, err := mediator.Send(t.Context(), m, place{})
	require.ErrorContains(t, err, "turning")
	_, err = collect(mediator.Stream(t.Context(), m, count{}))
	require.ErrorContains(t, err, "turning")
}

func TestDurableErrorThatPanicsWhenAskedIsADeadLetter(t *testing.T) {
	n := embed(t)
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(1)),
		mediator.Subscribe(func(context.Context, paid) error { return nilRefused() }, mediator.Group("stock")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	letters := natsmediator.Letters(n)
	eventually(t, "the letter", func() bool { return countOf(t, letters) == 1 })
	l := firstLetter(t, letters)
	require.Contains(t, l.Errors[0], "cannot be asked")
	require.NotEmpty(t, l.Stack)
}

func TestDurableErrorThatPanicsWhenComparedIsADeadLetter(t *testing.T) {
	n := embed(t)
	m := wired(t, natsmediator.Durable[paid](n, natsmediator.Attempts(1)),
		mediator.Subscribe(func(context.Context, paid) error { return moody{} }, mediator.Group("stock")))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	letters := natsmediator.Letters(n)
	eventually(t, "the letter", func() bool { return countOf(t, letters) == 1 })
	require.Contains(t, firstLetter(t, letters).Errors, "moody")
}

// hostile is a propagator that does not take what came.
type hostile struct{ users }

func (hostile) Extract(context.Context, natsmediator.Carrier) context.Context { panic("no trace") }

func TestPropagatorThatPanicsIsAnswered(t *testing.T) {
	n := embed(t, natsmediator.Propagate(hostile{}))
	serve(t, wired(t, mediator.Handle(placed), mediator.HandleStream(counted)), n)
	m := wired(t, natsmediator.Remote[place](n, "shop"), natsmediator.RemoteStream[count](n, "shop"))
	var p *mediator.PanicError
	_, err := mediator.Send(t.Context(), m, place{})
	require.ErrorAs(t, err, &p)
	require.ErrorContains(t, err, "no trace")
	_, err = collect(mediator.Stream(t.Context(), m, count{To: 3}))
	require.ErrorAs(t, err, &p)
}
