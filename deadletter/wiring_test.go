package deadletter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/stretchr/testify/require"
)

func TestNewWarnsOfWiringsKnownToBeWrong(t *testing.T) {
	store, other := deadletter.NewMemory(), deadletter.NewMemory()
	warnings := func(bs ...mediator.Behavior) (found []string) {
		newMediator(t, mediator.Use(bs...), mediator.Handle(new(switched).charge),
			mediator.OnWarning(func(w string) { found = append(found, w) }))
		return found
	}
	d := deadletter.Behavior(store)
	require.Empty(t, warnings(d, retry{}))
	require.Empty(t, warnings(d, deadletter.Behavior(other)))
	inRetry := warnings(retry{}, d)
	require.Len(t, inRetry, 1)
	require.Contains(t, inRetry[0], "DeadLetters: it stands inside a retry")
	twice := warnings(d, deadletter.Behavior(store))
	require.Len(t, twice, 1)
	require.Contains(t, twice[0], "twice")
	incomparable := uncomparable{Store: store, _f: nil}
	require.Empty(t, warnings(deadletter.Behavior(incomparable), deadletter.Behavior(incomparable)))
}

type uncomparable struct {
	deadletter.Store
	_f []func()
}

// retry is a behavior with a retry's name.
type retry struct{}

func (retry) BehaviorName() string { return "Retry" }

func (retry) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		if err := next(ctx, c); err == nil {
			return nil
		}
		return next(ctx, c)
	}
}

func TestOptionsThatMakeNoSensePanic(t *testing.T) {
	for name, f := range map[string]func(){
		"Behavior: the Store":    func() { deadletter.Behavior(nil) },
		"Behavior: a nil Option": func() { deadletter.Behavior(deadletter.NewMemory(), nil) },
		"Headers":                func() { deadletter.Headers(nil) },
		"If":                     func() { deadletter.If(nil) },
		"PutTimeout(0s)":         func() { deadletter.PutTimeout(0) },
		"OnLetter":               func() { deadletter.OnLetter(nil) },
		"Codecs: a nil":          func() { deadletter.Codecs(nil) },
		"Codecs: two":            func() { deadletter.Codecs(deadletter.JSON(), deadletter.JSON()) },
		"Codecs: two for": func() {
			deadletter.Behavior(deadletter.NewMemory(), deadletter.Codecs(padded{}), deadletter.Codecs(padded{}))
		},
		"Codecs: two for \"padd": func() {
			_, _ = deadletter.Redrive(t.Context(), &mediator.Mediator{}, deadletter.NewMemory(), deadletter.Codecs(padded{}), deadletter.Codecs(padded{}))
		},
		"Rate(0)":               func() { deadletter.Rate(0) },
		"Rate(1e-300)":          func() { deadletter.Rate(1e-300) },
		"MaxWait(-1ns)":         func() { deadletter.MaxWait(-1) },
		"AtMost(0)":             func() { deadletter.AtMost(0) },
		"Context":               func() { deadletter.Context(nil) },
		"Streams":               func() { deadletter.Streams(nil) },
		"OnOutcome":             func() { deadletter.OnOutcome(nil) },
		"NewMemory":             func() { deadletter.NewMemory(nil) },
		"Retention":             func() { deadletter.NewMemory(deadletter.Retention{Letters: -1}) },
		"Redrive: the Mediator": func() { _, _ = deadletter.Redrive(t.Context(), nil, deadletter.NewMemory()) },
		"Redrive: a nil":        func() { _, _ = deadletter.Redrive(t.Context(), &mediator.Mediator{}, deadletter.NewMemory(), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				text, _ := recover().(string)
				require.True(t, strings.HasPrefix(text, "deadletter: "+name), text)
			}()
			f()
		})
	}
}
