package rejection

import (
	"context"

	"github.com/fsmediator/mediator"
)

type key struct{}

// Watch returns a context for calls of which f is told if a guard turns them away,
// before their handlers run: an error alone cannot tell that, for a handler may return
// the one that it got from a call of its own. The calls that their handlers make with
// the context are among them. f is called concurrently.
func Watch(ctx context.Context, f func(c mediator.Call)) context.Context {
	return context.WithValue(ctx, key{}, f)
}

// Note is called by a guard that turns c away.
func Note(ctx context.Context, c mediator.Call) {
	if f, ok := ctx.Value(key{}).(func(mediator.Call)); ok {
		f(c)
	}
}
