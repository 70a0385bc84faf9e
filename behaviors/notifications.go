package behaviors

import "github.com/fsmediator/mediator"

// notifications is a [When] for notifications. Unlike one by any condition, it can
// be asked what it is for while there is no call.
type notifications struct{ *when }

func forNotifications(b mediator.Behavior) mediator.Behavior {
	return notifications{&when{cond: IsKind(mediator.KindNotification), behavior: b}}
}

// StandsAround tells whether calls of the kind go through the behavior inside. A
// redrive of dead letters asks.
func (notifications) StandsAround(k mediator.Kind) bool { return k == mediator.KindNotification }
