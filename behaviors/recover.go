package behaviors

import (
	"context"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
)

// Recover turns a panic inside of it into an error: a [*mediator.PanicError]
// with the value and the stack of the panic. A panic with such an error, which
// began on another goroutine, keeps the stack it has. A panic of a stream's consumer
// is an error to the behaviors outside too, and still goes on in the consumer's
// loop. [runtime.Goexit] is let through.
//
// It belongs outside of what should see the panic itself, and what counts errors
// belongs outside of it: see the package's documentation.
func Recover() mediator.Behavior { return recovery{} }

type recovery struct{}

// SharesClock implements [mediator.ClockSharer].
func (recovery) SharesClock() bool { return true }

// BehaviorName returns "Recover".
func (recovery) BehaviorName() string { return "Recover" }

// ConfinesCall implements [mediator.CallConfiner].
func (recovery) ConfinesCall() bool { return true }

func (recovery) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) (err error) {
		returned := false
		defer func() {
			if !returned {
				if v := recover(); v != nil {
					err = caught.Panic(v)
					c.Waited()
				}
			}
		}()
		err = next(ctx, c)
		returned = true
		return err
	}
}
