package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Relay has [Publish] of N call f in place of N's subscribers: to store the
// notification, or to send it elsewhere, and have it delivered later, to one
// [Group] at a time, by [DispatchTo]. Those of N and of the interfaces that N
// implements stay subscribed, as [Mediator.Inspect] shows, and are reached by
// DispatchTo alone, also those that [Listen] adds.
//
// f is called concurrently, on the publisher's goroutine, or on a worker's for
// [Background], within the behaviors of the mediator and of opts. For them it is
// a notification whose [Call.Handler] is "". [Sequential] and [Parallel] make no
// difference. What f returns comes back from Publish in an [*Error] without a
// Group, a panic as a [*PanicError] in it. [Dispatch] by N's name goes the way of
// Publish, also if N has no subscriber.
//
// N must not be an interface, and has one Relay at most. Named and Use may follow.
func Relay[N any](f func(ctx context.Context, n N) error, opts ...HandlerOption) Option {
	spec := newSpec(opts)
	return optionFunc(func(w *wiring) {
		w.relays = append(w.relays, &subscription[N]{spec: spec.copied(), handle: f})
	})
}

// relay makes r the relay of its type, for New.
func (ss *subscriptions) relay(r subscriber, w *wiring) error {
	spec, t := r.settings(), r.message()
	errs := append(slices.Clone(spec.errs), spec.refuse("a relay", "Group", "Capacity"))
	if t.Kind() == reflect.Interface {
		errs = append(errs, fmt.Errorf("%v is an interface: relay each type that implements it", t))
	}
	if isNil(r.handler()) {
		errs = append(errs, errors.New("the function is nil"))
	} else if first := ss.relayOf(t); first != nil {
		errs = append(errs, fmt.Errorf("%w: the relays %s and %s", ErrDuplicateHandler, funcName(first.handler()), funcName(r.handler())))
	}
	name, layers := ss.names.of(t), around(w.behaviors, spec)
	if err := errors.Join(append(errs, r.build(layers, "", name))...); err != nil {
		return err
	}
	w.warnings.check(name, layers)
	ss.relays = append(ss.relays, r)
	ss.addRoute(name, r)
	return nil
}

// relayOf returns the relay of type t, nil if there is none.
func (ss *subscriptions) relayOf(t reflect.Type) subscriber {
	for _, r := range ss.relays {
		if r.message() == t {
			return r
		}
	}
	return nil
}
