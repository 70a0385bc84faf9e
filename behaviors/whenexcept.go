package behaviors

import (
	"slices"

	"github.com/fsmediator/mediator"
)

// Except has bs stand around all calls but those for which cond is true, which go
// past all of them: for handlers that need others than [Standard] has. cond is
// called for each call and each of bs, concurrently, must not panic, and use its Call
// no longer than it runs; see [IsMessage] and [IsNamed].
//
//	most := behaviors.StandardConfig{Retry: &retry, Timeout: 2 * time.Second}
//	report := behaviors.StandardConfig{Timeout: time.Minute}
//	mediator.New(
//		mediator.Use(behaviors.Except(behaviors.IsMessage[shop.Report](), behaviors.Standard(most)...)...),
//		mediator.Handle(find),
//		mediator.Handle(makeReport, mediator.Use(behaviors.Standard(report)...)),
//	)
//
// For the warnings of [mediator.New], what is in bs stands together with the rest of
// bs alone: nobody can tell whether it ever stands around a call together with what
// a handler has of its own. So a Retry in bs and another of a handler that is no
// exception go unnoticed.
//
// Where dead letters are in bs, a handler that is an exception needs some of its own, for
// the letters that it has left before: without, a redrive has it handle them and cannot
// tell, so that they stay.
//
// It panics if cond or one of bs is nil.
func Except(cond func(mediator.Call) bool, bs ...mediator.Behavior) []mediator.Behavior {
	if cond == nil || slices.Contains(bs, nil) {
		panic("behaviors: Except: the condition or a behavior is nil")
	}
	x := &exceptions{cond: Not(cond)}
	all := make([]mediator.Behavior, len(bs))
	for i, b := range bs {
		all[i] = &exception{when: &when{cond: x.cond, behavior: b}, of: x}
	}
	return all
}

// exceptions is one call of [Except].
type exceptions struct{ cond func(mediator.Call) bool }

// exception is one behavior of an [Except].
type exception struct {
	*when
	of *exceptions
}

// CheckWiring returns the warnings of the behavior inside.
func (e *exception) CheckWiring(outer, inner []mediator.Behavior) []string {
	if c, ok := e.behavior.(mediator.WiringChecker); ok {
		return c.CheckWiring(e.neighbors(outer), e.neighbors(inner))
	}
	return nil
}

// LeaveWiring tells the behavior inside.
func (e *exception) LeaveWiring(outer, inner []mediator.Behavior) {
	if s, ok := e.behavior.(mediator.WiringLeaver); ok {
		s.LeaveWiring(e.neighbors(outer), e.neighbors(inner))
	}
}

// neighbors is bs as e sees them: those of the same Except as they are, others
// without a name.
func (e *exception) neighbors(bs []mediator.Behavior) []mediator.Behavior {
	bs = slices.Clone(bs)
	for i, b := range bs {
		if other, ok := b.(*exception); ok && other.of == e.of {
			bs[i] = other.behavior
		} else {
			bs[i] = nameless{b}
		}
	}
	return bs
}

// StandsApart says that what asks for its neighbors may never stand around a call
// together with e. Behaviors of other packages look for it.
func (*exception) StandsApart() {}

// nameless is a behavior that can be looked into and not be asked for its name.
type nameless struct{ mediator.Behavior }

// StandsApart is as with an exception.
func (nameless) StandsApart() {}

// Unwrap returns the behavior inside.
func (n nameless) Unwrap() mediator.Behavior { return n.Behavior }
