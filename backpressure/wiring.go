package backpressure

import (
	"slices"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/neighbor"
)

// CheckWiring is part of [mediator.WiringChecker]: it warns if k stands around a handler
// twice, for that makes two queues and counts every item in both; and of a Retry outside
// if the strategy leaves items out.
func (k *Control) CheckWiring(outer, inner []mediator.Behavior) (warnings []string) {
	inside := func(b mediator.Behavior) bool { return neighbor.Surely(b) && Of(b) == k }
	// One that stands further outside, as it is, is asked itself.
	hidden := func(b mediator.Behavior) bool { return b != mediator.Behavior(k) && inside(b) }
	if slices.ContainsFunc(inner, inside) || slices.ContainsFunc(outer, hidden) {
		warnings = append(warnings, "the same Control stands around the handler more than once, so a stream has two of its queues and each item counts twice: remove one, or make another by New")
	}
	if k.c.Admit == nil && k.c.Strategy.loses() && slices.ContainsFunc(outer, retries) {
		warnings = append(warnings, "a Retry stands outside and goes on after as many items of a stream as were delivered, while "+k.c.Strategy.String()+" leaves some out: items may come twice and out of order; put the Retry inside")
	}
	return warnings
}

func retries(b mediator.Behavior) bool {
	n, ok := b.(mediator.BehaviorNamer)
	return ok && n.BehaviorName() == "Retry" && neighbor.Surely(b)
}
