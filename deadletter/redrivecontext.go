package deadletter

import (
	"context"

	"github.com/fsmediator/mediator"
)

// recognizer is a behavior around a [mediator.Relay] that knows what the letters of its
// notifications carry.
type recognizer interface {
	RedriveContext(ctx context.Context, l Letter) context.Context
}

// contextOf makes the context of the letter's handler.
func (r *redriver) contextOf(ctx context.Context, l Letter) context.Context {
	if l.Kind == mediator.KindNotification {
		for _, b := range r.relays[l.Name] {
			if known, ok := b.(recognizer); ok {
				ctx = known.RedriveContext(ctx, l.Clone())
			}
		}
	}
	if r.context != nil {
		ctx = r.context(ctx, l.Clone())
	}
	return ctx
}
