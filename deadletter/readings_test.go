package deadletter_test

import (
	"errors"
	"io"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestARecorderShowsTheLettersThatWereStoredAndLost(t *testing.T) {
	full := false
	store := &broken{Store: deadletter.NewMemory(), put: func() error {
		if full {
			return io.ErrShortWrite
		}
		return nil
	}}
	recorder, h := behaviors.NewRecorder(), &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(recorder, deadletter.Behavior(store)), mediator.Handle(h.charge, mediator.Named("shop.charge")),
		mediator.Subscribe(h.paid, mediator.Named("shop.paid"), mediator.Group("mail")))
	require.Empty(t, recorder.Snapshot().Readings)
	fail := func() {
		_, err := mediator.Send(t.Context(), m, Charge{})
		require.ErrorIs(t, errors.Join(err, mediator.Publish(t.Context(), m, OrderPaid{})), errDeclined)
	}
	fail()
	fail()
	full = true
	fail()
	require.Equal(t, []mediator.Reading{
		{Behavior: "deadletters", Scope: "shop.charge", Name: "letters", Value: 2},
		{Behavior: "deadletters", Scope: "shop.paid to mail", Name: "letters", Value: 2},
		{Behavior: "deadletters", Scope: "shop.charge", Name: "losses", Value: 1},
		{Behavior: "deadletters", Scope: "shop.paid to mail", Name: "losses", Value: 1},
	}, recorder.Snapshot().Readings)

	full = false
	h.set(nil)
	_, err := deadletter.Redrive(t.Context(), m, store)
	require.NoError(t, err)
	require.Len(t, recorder.Snapshot().Readings, 4)
	require.InDelta(t, 2, recorder.Snapshot().Readings[0].Value, 0, "a redrive takes nothing back")
}

func TestReadingsEndWhenNobodyWantsMore(t *testing.T) {
	d := deadletter.Behavior(deadletter.NewMemory())
	h := &switched{err: errDeclined}
	m := newMediator(t, mediator.Use(d), mediator.Handle(h.charge), mediator.Subscribe(h.paid))
	_, err := mediator.Send(t.Context(), m, Charge{})
	require.Error(t, err)
	require.Error(t, mediator.Publish(t.Context(), m, OrderPaid{}))
	seen := 0
	for range d.(mediator.Source).Readings() {
		seen++
		break
	}
	require.Equal(t, 1, seen)
}
