// Package unwrap looks inside of behaviors that stand for others, such as a condition
// around one, by their method Unwrap() mediator.Behavior.
package unwrap

import (
	"iter"

	"github.com/fsmediator/mediator"
)

// most bounds how many are looked through: one may stand for itself.
const most = 100

// All is b and what it stands for, the outermost first. It is empty for nil.
func All(b mediator.Behavior) iter.Seq[mediator.Behavior] {
	return func(yield func(mediator.Behavior) bool) {
		for range most {
			if b == nil || !yield(b) {
				return
			}
			w, ok := b.(interface{ Unwrap() mediator.Behavior })
			if !ok {
				return
			}
			b = w.Unwrap()
		}
	}
}

// Innermost is the last of [All], nil for nil.
func Innermost(b mediator.Behavior) (last mediator.Behavior) {
	for last = range All(b) {
	}
	return last
}
