package natsmediator_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

const (
	retryWarning  = "a Retry stands around subscribers of a durable event"
	letterWarning = "a behavior for dead letters stands around subscribers of a durable event"
	nameWarning   = "is named after the place of its subscriber in the code"
)

// warned wires opts with a Durable, and returns the groups that each warning names.
func warned(t *testing.T, how []natsmediator.DurableOption, opts ...mediator.Option) map[string]any {
	t.Helper()
	var log lines
	n := embed(t, natsmediator.ServerOptions(noSync), natsmediator.Logger(log.logger()))
	wired(t, append(opts, natsmediator.Durable[paid](n, how...))...)
	found := map[string]any{}
	for _, text := range []string{retryWarning, letterWarning, nameWarning} {
		for _, one := range log.with(text) {
			require.Equal(t, slog.LevelWarn, one.level)
			require.Equal(t, "shop.Paid", one.attrs["event"])
			require.NotContains(t, found, text, "each once")
			found[text] = one.attrs["groups"]
		}
	}
	return found
}

func TestDurableWarnsOfWhatDoesItsWorkTwice(t *testing.T) {
	retry := behaviors.Retry(behaviors.RetryConfig{})
	letters := deadletter.Behavior(deadletter.NewMemory())
	var s seen
	both := mediator.Options(s.on("stock"), s.on("mail"))
	once := []natsmediator.DurableOption{natsmediator.Attempts(1)}

	require.Empty(t, warned(t, nil, both))
	require.Equal(t, map[string]any{retryWarning: []string{"stock", "mail"}, letterWarning: []string{"stock", "mail"}},
		warned(t, nil, mediator.Use(letters, retry), both))
	require.Equal(t, map[string]any{letterWarning: []string{"stock", "mail"}}, warned(t, once, mediator.Use(letters, retry), both),
		"then it is Retry that tries again")
	require.Equal(t, map[string]any{retryWarning: []string{"bank"}}, warned(t, nil, both,
		mediator.Subscribe(func(context.Context, numbered) error { return nil }, mediator.Group("bank"), mediator.Use(retry))))
	require.Empty(t, warned(t, nil, both, mediator.Handle(placed, mediator.Use(letters, retry)),
		mediator.Subscribe(func(context.Context, moved) error { return nil }, mediator.Group("bank"), mediator.Use(letters, retry))),
		"other messages")

	t.Run("under conditions", func(t *testing.T) {
		others := behaviors.Not(behaviors.IsNamed("shop.Paid"))
		require.Empty(t, warned(t, nil, mediator.Use(behaviors.When(others, letters), behaviors.When(others, retry)), both))
		standard := behaviors.Standard(behaviors.StandardConfig{DeadLetters: letters})
		require.Equal(t, map[string]any{letterWarning: []string{"stock", "mail"}}, warned(t, nil, mediator.Use(standard...), both))
		standard = behaviors.Standard(behaviors.StandardConfig{DeadLetters: behaviors.When(others, letters)})
		require.Empty(t, warned(t, nil, mediator.Use(standard...), both))
		require.Empty(t, warned(t, nil, mediator.Use(&ownSelf{}), both), "one that stands for itself")
	})
}

// ownSelf is a behavior that stands for itself.
type ownSelf struct{}

func (*ownSelf) Wrap(next mediator.Next) mediator.Next { return next }
func (o *ownSelf) Unwrap() mediator.Behavior           { return o }
func (*ownSelf) StandsAround(mediator.Kind) (yes bool) { return true }

func heard(context.Context, paid) error { return nil }

func TestDurableWarnsOfGroupsThatACompilerNamed(t *testing.T) {
	require.Empty(t, warned(t, nil, mediator.Subscribe(heard)))
	require.Empty(t, warned(t, nil, mediator.Subscribe(func(context.Context, paid) error { return nil }, mediator.Group("x.func3"))))

	found := warned(t, nil, mediator.Subscribe(heard), mediator.Subscribe(heard),
		mediator.Subscribe(func(context.Context, paid) error { return nil }))
	require.Len(t, found, 1)
	groups := found[nameWarning].([]string)
	require.Len(t, groups, 2)
	require.Equal(t, "natsmediator_test.heard#2", groups[0])
	require.Regexp(t, `^natsmediator_test\.TestDurableWarnsOfGroupsThatACompilerNamed\.func\d+$`, groups[1])

	nested := func() mediator.Option {
		return mediator.Subscribe(func(context.Context, paid) error { return nil })
	}
	require.Len(t, warned(t, nil, nested()), 1)
}
