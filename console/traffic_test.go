package console_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
)

type whispered struct{}

func (whispered) Quiet() {}

type quiet interface{ Quiet() }

// murmured is both.
type murmured struct {
	told
	whispered
}

func hearLoud(context.Context, loud) error   { return nil }
func hearQuiet(context.Context, quiet) error { return nil }

// callsOf gives how many calls each subscriber has, by the name of its message and its
// group, -1 if that is not known, and what belongs to no route.
func callsOf(t *testing.T, publish []any, opts ...mediator.Option) (calls map[string]int, rest int) {
	calls = map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		m := newMediator(t, opts...)
		for _, n := range publish {
			require.NoError(t, mediator.Publish(t.Context(), m, n))
		}
		p := open(t, console.Handler(m))
		w, s := next[wiring](t, p, "wiring"), next[sample](t, p, "sample")
		for i, r := range w.Routes {
			n := -1
			if s.Routes[i] != nil {
				n = int(s.Routes[i].Calls)
			}
			calls[r.Name+" to "+r.Group] = n
		}
		if s.Rest != nil {
			rest = int(s.Rest.Calls)
		}
	})
	return calls, rest
}

func TestFiguresOfSubscribersToInterfaces(t *testing.T) {
	audit := mediator.Group("audit")
	loudly, quietly := mediator.Subscribe(hearLoud, audit), mediator.Subscribe(hearQuiet, audit)
	told1, whispered1 := mediator.Subscribe(hear, mediator.Group("told")), mediator.Subscribe(func(context.Context, whispered) error { return nil }, mediator.Group("whispered"))
	for name, c := range map[string]struct {
		publish []any
		opts    []mediator.Option
		calls   map[string]int
		rest    int
	}{
		"of groups of their own": {
			[]any{told{}, told{}, whispered{}},
			[]mediator.Option{loudly, mediator.Subscribe(hearQuiet, mediator.Group("other"))},
			map[string]int{"console_test.loud to audit": 2, "console_test.quiet to other": 1}, 0,
		},
		"of one group, by types that are known": {
			[]any{told{}, told{}, whispered{}},
			[]mediator.Option{loudly, quietly, told1, whispered1},
			map[string]int{"console_test.loud to audit": 2, "console_test.quiet to audit": 1, "console_test.told to told": 2, "console_test.whispered to whispered": 1}, 0,
		},
		"of one group, by types that nobody has subscribed to": {
			[]any{told{}, told{}, whispered{}},
			[]mediator.Option{loudly, quietly},
			map[string]int{"console_test.loud to audit": -1, "console_test.quiet to audit": -1}, 3,
		},
		"of one group, by a type that is both": {
			[]any{murmured{}},
			[]mediator.Option{loudly, quietly, mediator.Subscribe(func(context.Context, murmured) error { return nil }, mediator.Group("murmured"))},
			map[string]int{"console_test.loud to audit": -1, "console_test.quiet to audit": -1, "console_test.murmured to murmured": 1}, 2,
		},
		"of one group with a type that is no such": {
			[]any{told{}, whispered{}},
			[]mediator.Option{quietly, mediator.Subscribe(hear, audit), whispered1},
			map[string]int{"console_test.quiet to audit": 1, "console_test.told to audit": 1, "console_test.whispered to whispered": 1}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			calls, rest := callsOf(t, c.publish, append(c.opts, mediator.Use(behaviors.NewRecorder()))...)
			require.Equal(t, c.calls, calls)
			require.Equal(t, c.rest, rest)
		})
	}
}

// What two Recorders have counted is not mixed up.
func TestFiguresOfSubscribersWithRecordersOfTheirOwn(t *testing.T) {
	audit := mediator.Group("audit")
	calls, rest := callsOf(t, []any{told{}, told{}, whispered{}},
		mediator.Subscribe(hearLoud, audit, mediator.Use(behaviors.NewRecorder())), mediator.Subscribe(hearQuiet, audit, mediator.Use(behaviors.NewRecorder())))
	require.Equal(t, map[string]int{"console_test.loud to audit": 2, "console_test.quiet to audit": 1}, calls)
	require.Zero(t, rest)
}
