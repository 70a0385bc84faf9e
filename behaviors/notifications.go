package behaviors

import (
	"context"

	"github.com/fsmediator/mediator"
)

// notifications is a [When] for notifications. Unlike one by any condition, it can
// be asked what it is for while there is no call.
type notifications struct{ *when }

func forNotifications(b mediator.Behavior) mediator.Behavior {
	return notifications{&when{behavior: b}}
}

func (n notifications) Wrap(next mediator.Next) mediator.Next {
	around := n.behavior.Wrap(next)
	if around == nil {
		return nil
	}
	return func(ctx context.Context, c mediator.Call) error {
		if c.Kind() == mediator.KindNotification {
			return around(ctx, c)
		}
		return next(ctx, c)
	}
}

// StandsAround tells whether calls of the kind go through the behavior inside. A
// redrive of dead letters asks.
func (notifications) StandsAround(k mediator.Kind) bool { return k == mediator.KindNotification }
