package deadletter

import (
	"iter"

	"github.com/fsmediator/mediator"
)

// Readings gives the numbers of the letters that were stored and of those that
// were lost because the store failed, each by message and group, "orders.Paid to
// mail"; it makes a [Behavior] a [mediator.Source]. What a [Redrive] does with the
// letters is not among them.
func (k *keeper) Readings() iter.Seq[mediator.Reading] {
	return func(yield func(mediator.Reading) bool) {
		for r := range k.stored.Readings("letters") {
			if !yield(r) {
				return
			}
		}
		k.lost.Readings("losses")(yield)
	}
}

// count counts a letter that was given to the store, which returned err.
func (k *keeper) count(l *Letter, err error) {
	scope := l.Name
	if l.Group != "" {
		scope += " to " + l.Group
	}
	if err != nil {
		k.lost.Add(scope)
		return
	}
	k.stored.Add(scope)
}
