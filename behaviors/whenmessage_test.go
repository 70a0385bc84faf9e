package behaviors_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

func TestIsMessageIsTrueForATypeAndAPointerToIt(t *testing.T) {
	var seen []string
	note := func(what string, cond func(mediator.Call) bool) mediator.Behavior {
		return behaviors.When(func(c mediator.Call) bool {
			if cond(c) {
				seen = append(seen, what)
			}
			return false
		}, noop{})
	}
	m := newMediator(t,
		mediator.Use(note("ask", behaviors.IsMessage[ask]()), note("*ask", behaviors.IsMessage[*ask]()),
			note("any", behaviors.IsMessage[any]()), note("told", behaviors.IsMessage[told]())),
		askFor(func(context.Context) error { return nil }),
		mediator.Handle(func(context.Context, *askToo) (int, error) { return 0, nil }, mediator.Use(note("askToo", behaviors.IsMessage[askToo]()))),
		mediator.Subscribe(func(context.Context, told) error { return nil }))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	require.Equal(t, []string{"ask"}, seen)
	_, err = mediator.Send(t.Context(), m, &askToo{})
	require.NoError(t, err)
	require.NoError(t, mediator.Publish(t.Context(), m, told{}))
	require.Equal(t, []string{"ask", "askToo", "told"}, seen)
	requireNoAllocs(t, behaviors.When(behaviors.IsMessage[ask](), noop{}))
}

func ExampleIsMessage() {
	runs := 0
	most := behaviors.StandardConfig{Logger: slog.New(slog.DiscardHandler), Retry: &behaviors.RetryConfig{Retries: 2, Delay: time.Millisecond}}
	once := most
	once.Retry = nil // a card is charged once
	m, err := mediator.New(
		mediator.Use(behaviors.Except(behaviors.IsMessage[debit](), behaviors.Standard(most)...)...),
		mediator.HandleCommand(func(context.Context, debit) error { runs++; return context.DeadlineExceeded },
			mediator.Use(behaviors.Standard(once)...)))
	if err != nil {
		panic(err)
	}
	fmt.Println(mediator.Exec(context.Background(), m, debit{}), runs)
	// Output: context deadline exceeded 1
}
