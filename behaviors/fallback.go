package behaviors

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/rejection"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// Fallback answers with what f returns when what is inside of it fails with err.
// f may decline by returning an error: err itself, which the caller gets as it
// is, or another, and then the caller gets both. It is called concurrently, but
// not if the caller's context has ended, for nobody is waiting, nor for a subscriber
// that was stopped before its handler ran: [mediator.ErrUnsubscribed].
//
// R is the response of the message. With [mediator.None] it is for commands and
// notifications, where no error from f means that all is well. Around a message
// with another response, or a stream, whose items cannot be made up, f is not
// called, and a failure carries [mediator.ErrMessageType] as well: put [When]
// around a Fallback that stands around many handlers. It panics if f is nil.
func Fallback[R any](f func(ctx context.Context, err error) (R, error)) mediator.Behavior {
	if f == nil {
		panic("behaviors: Fallback: the function is nil")
	}
	return &fallback[R]{answer: f}
}

type fallback[R any] struct {
	scoped
	answer func(ctx context.Context, err error) (R, error)
}

// BehaviorName returns "Fallback".
func (*fallback[R]) BehaviorName() string { return "Fallback" }

func (b *fallback[R]) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		err := next(ctx, c)
		if err == nil {
			return nil
		}
		err = b.replace(ctx, c, err)
		c.Waited()
		return err
	}
}

func (b *fallback[R]) replace(ctx context.Context, c mediator.Call, err error) error {
	if ctx.Err() != nil || c.Kind() == mediator.KindNotification && rejection.Unsubscribed(err) {
		return err
	}
	if !b.fits(c) {
		return fmt.Errorf("%w (Fallback[%v] around the %v %s: %w)", err, reflect.TypeFor[R](), c.Kind(), c.Name(), mediator.ErrMessageType)
	}
	response, failed := b.answer(ctx, err)
	switch {
	case failed == nil && c.Kind() == mediator.KindRequest:
		if failed = c.SetResponse(response); failed != nil {
			return errors.Join(err, failed)
		}
		return nil
	case failed == nil || wrapped.Is(failed, err):
		return failed
	}
	return fmt.Errorf("%w (fallback: %w)", err, failed)
}

// fits tells whether R is the response of c's message.
func (b *fallback[R]) fits(c mediator.Call) bool {
	switch c.Kind() {
	case mediator.KindRequest:
		return c.Type().Implements(reflect.TypeFor[mediator.Request[R]]())
	case mediator.KindNotification:
		return reflect.TypeFor[R]() == reflect.TypeFor[mediator.None]()
	}
	return false
}
