package behaviors

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// When has b stand around the calls for which cond is true; the others go past
// it. cond is called for each call, concurrently, and must use its Call only until it
// returns, and only on its goroutine; see [IsKind], [IsMessage], [IsNamed] and [Not]. It
// panics if one of them is nil.
//
// For the warnings of [mediator.New] it is b: it has its name and warns as it
// does. But of two Whens, such as a Retry for requests and dead letters for
// notifications, it does not say that what is in them does not go together: nobody
// can tell whether both conditions are ever true.
func When(cond func(mediator.Call) bool, b mediator.Behavior) mediator.Behavior {
	if cond == nil || b == nil {
		panic("behaviors: When: the condition or the behavior is nil")
	}
	return &when{cond: cond, behavior: b}
}

// IsKind is a condition for [When]: messages of these kinds.
func IsKind(kinds ...mediator.Kind) func(mediator.Call) bool {
	return func(c mediator.Call) bool { return slices.Contains(kinds, c.Kind()) }
}

// IsMessage is a condition for [When]: messages of type M or *M. The compiler finds one
// that is misspelt or gone. For an interface it is never true: messages have the type that
// was sent.
func IsMessage[M any]() func(mediator.Call) bool {
	value, pointer := reflect.TypeFor[M](), reflect.TypeFor[*M]()
	return func(c mediator.Call) bool { return c.Type() == value || c.Type() == pointer }
}

// IsNamed is a condition for [When]: messages with these names, see
// [mediator.Named]. Nobody tells if no message has one of them, so use a constant here and
// in Named, or [IsMessage].
func IsNamed(names ...string) func(mediator.Call) bool {
	return func(c mediator.Call) bool { return slices.Contains(names, c.Name()) }
}

// Not is a condition for [When]: whatever cond is not true for.
func Not(cond func(mediator.Call) bool) func(mediator.Call) bool {
	return func(c mediator.Call) bool { return !cond(c) }
}

type when struct {
	cond     func(mediator.Call) bool
	quick    bool // cond is none of others
	behavior mediator.Behavior
}

func (w *when) Wrap(next mediator.Next) mediator.Next {
	around := w.behavior.Wrap(next)
	if around == nil {
		return nil
	}
	return func(ctx context.Context, c mediator.Call) error {
		applies := w.cond(c)
		if !w.quick {
			c.Waited()
		}
		if applies {
			return around(ctx, c)
		}
		return next(ctx, c)
	}
}

// ScopedCall implements [mediator.CallScoper]. The condition promises what the
// behavior has to.
func (w *when) ScopedCall() bool { return scopesCall(w.behavior) }

func scopesCall(b mediator.Behavior) bool {
	s, ok := b.(mediator.CallScoper)
	return ok && s.ScopedCall()
}

// SharesClock implements [mediator.ClockSharer].
func (w *when) SharesClock() bool {
	s, ok := w.behavior.(mediator.ClockSharer)
	return ok && s.SharesClock()
}

// ConfinesCall implements [mediator.CallConfiner].
func (w *when) ConfinesCall() bool {
	c, ok := w.behavior.(mediator.CallConfiner)
	return ok && c.ConfinesCall() || scopesCall(w.behavior)
}

// BehaviorName returns the name of the behavior inside.
func (w *when) BehaviorName() string {
	if n, ok := w.behavior.(mediator.BehaviorNamer); ok {
		return n.BehaviorName()
	}
	return fmt.Sprintf("%T", w.behavior)
}

// CheckWiring returns the warnings of the behavior inside.
func (w *when) CheckWiring(outer, inner []mediator.Behavior) []string {
	if c, ok := w.behavior.(mediator.WiringChecker); ok {
		return c.CheckWiring(asOthers(outer), asOthers(inner))
	}
	return nil
}

// LeaveWiring tells the behavior inside.
func (w *when) LeaveWiring(outer, inner []mediator.Behavior) {
	if s, ok := w.behavior.(mediator.WiringLeaver); ok {
		s.LeaveWiring(asOthers(outer), asOthers(inner))
	}
}

// otherWhen is a When as another one sees it.
type otherWhen struct{ *when }

// MayStandApart says that the two conditions may never hold at once. Behaviors of other
// packages look for it.
func (otherWhen) MayStandApart() {}

func asOthers(bs []mediator.Behavior) []mediator.Behavior {
	bs = slices.Clone(bs)
	for i, b := range bs {
		if w, ok := b.(*when); ok {
			bs[i] = otherWhen{w}
		}
	}
	return bs
}

// isAmong tells whether b is surely one of the others around a call. b can be compared.
func isAmong(others []mediator.Behavior, b mediator.Behavior) bool {
	return slices.ContainsFunc(others, func(other mediator.Behavior) bool { return unwrap.Innermost(other) == b && neighbor.Surely(other) })
}

// hasBehavior tells whether one with the name surely is among bs.
func hasBehavior(bs []mediator.Behavior, name string) bool {
	return slices.ContainsFunc(bs, func(b mediator.Behavior) bool { return isNamed(b, name) && neighbor.Surely(b) })
}

// mayHaveBehavior tells whether one with the name may be among bs.
func mayHaveBehavior(bs []mediator.Behavior, name string) bool {
	return slices.ContainsFunc(bs, func(b mediator.Behavior) bool { return isNamed(b, name) && neighbor.Perhaps(b) })
}

func isNamed(b mediator.Behavior, name string) bool {
	n, ok := b.(mediator.BehaviorNamer)
	return ok && n.BehaviorName() == name
}

// Unwrap returns the behavior inside.
func (w *when) Unwrap() mediator.Behavior { return w.behavior }
