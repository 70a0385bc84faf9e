// Package neighbor tells, for the check of a wiring, which of the behaviors around the
// same handler stand around the same calls.
package neighbor

import "github.com/fsmediator/mediator"

// Perhaps tells whether b may stand around a call together with the behavior that asks:
// it is not of another behaviors.Except, which has a method StandsApart.
func Perhaps(b mediator.Behavior) bool {
	_, apart := b.(interface{ StandsApart() })
	return !apart
}

// Surely tells whether b stands around each call that the behavior that asks stands
// around. A behaviors.When as another sees it has a method MayStandApart: both
// conditions may never hold at once.
func Surely(b mediator.Behavior) bool {
	_, maybe := b.(interface{ MayStandApart() })
	return !maybe && Perhaps(b)
}
