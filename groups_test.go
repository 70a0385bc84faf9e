package mediator_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// shelf keeps things by group.
type shelf struct{ mediator.BehaviorFunc }

func (shelf) KeepsGroups() bool { return true }

// disguise is a behavior around another.
type disguise struct {
	mediator.Behavior
	around mediator.Behavior
}

func (d *disguise) Unwrap() mediator.Behavior { return d.around }

func TestADefaultGroupWithANumberIsWarnedOfWhereItIsKept(t *testing.T) {
	itself := &disguise{Behavior: noop}
	itself.around = itself
	for name, tc := range map[string]struct {
		option mediator.Option
		group  mediator.HandlerOption
		warned bool
	}{
		"kept":               {mediator.Use(shelf{through}), mediator.Use(), true},
		"kept by a relay":    {mediator.Relay(func(context.Context, created) error { return nil }), mediator.Use(), true},
		"kept in a disguise": {mediator.Use(&disguise{noop, shelf{through}}), mediator.Use(), true},
		"not kept":           {mediator.Use(noop, itself), mediator.Use(), false},
		"a group of its own": {mediator.Use(shelf{through}), mediator.Group("own"), false},
	} {
		var warnings []string
		onCreated := func(context.Context, created) error { return nil }
		m := newMediator(t, mediator.OnWarning(func(w string) { warnings = append(warnings, w) }), tc.option,
			mediator.Subscribe(onCreated), mediator.Subscribe(onCreated, tc.group))
		if !tc.warned {
			require.Empty(t, warnings, name)
			continue
		}
		require.Len(t, warnings, 1, name)
		require.Contains(t, warnings[0], "a default group has a number", name)
		require.Contains(t, warnings[0], m.Inspect()[1].Group, name)
	}
}
