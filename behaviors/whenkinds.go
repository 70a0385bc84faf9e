package behaviors

import (
	"slices"

	"github.com/fsmediator/mediator"
)

// ofKinds is a [When] for some kinds of message. Unlike one by any condition, it can
// be asked what it is for while there is no call.
type ofKinds struct {
	*when
	kinds []mediator.Kind
}

func forKinds(b mediator.Behavior, kinds ...mediator.Kind) mediator.Behavior {
	return &ofKinds{when: &when{cond: IsKind(kinds...), quick: true, behavior: b}, kinds: kinds}
}

// StandsAround tells whether calls of the kind go through the behavior inside. A
// redrive of dead letters asks.
func (k *ofKinds) StandsAround(kind mediator.Kind) bool { return slices.Contains(k.kinds, kind) }
