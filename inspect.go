package mediator

import (
	"cmp"
	"reflect"
	"slices"
)

// Route is one line of a mediator's wiring, see [Mediator.Inspect].
type Route struct {
	Kind Kind

	// Name is the message's, see [Named]. That of a subscription to an interface
	// is the interface's type; no message has it.
	Name string

	Group   string       // the subscriber's, see [Group]; "" otherwise
	Handler string       // the name of the function as it was registered: "orders.Place", "orders.Desk.Place"
	Message reflect.Type // may be an interface for a subscriber
	Gives   reflect.Type // a request's response, that of [None] for a command; a stream's item; nil for a notification

	// Relay is true for the function of a [Relay], which has no Group: Publish goes
	// to it, and to the subscribers of the message go only the calls of [DispatchTo].
	Relay bool

	// Behaviors are those around the handler, the outermost first. A function of
	// [Typed] has its place there, by its name, as a Behavior that does nothing.
	Behaviors []Behavior
}

// typedStep stands for a function of [Typed], which is no Behavior.
type typedStep struct{ name string }

// Wrap returns next.
func (typedStep) Wrap(next Next) Next { return next }

// BehaviorName returns the name of the function.
func (s typedStep) BehaviorName() string { return s.name }

// Inspect returns everything that is wired now, what [Listen] has subscribed
// included: sorted by kind and name, and then in the order of registration, a
// [Relay] ahead of the subscribers. It is the caller's own copy. After Close it is
// what was wired then.
//
// The groups that a notification of type N reaches are those of the routes of kind
// KindNotification without Relay whose Message is N or an interface that N
// implements.
func (m *Mediator) Inspect() []Route {
	routes := append(slices.Clone(m.wired), m.subs.inspect()...)
	for i := range routes {
		routes[i].Behaviors = slices.Clone(routes[i].Behaviors)
	}
	slices.SortStableFunc(routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return routes
}

func (r *requestRoute[Q, R]) inspect() Route {
	return Route{Kind: KindRequest, Name: r.info.name, Handler: funcName(r.given), Message: r.message(),
		Gives: reflect.TypeFor[R](), Behaviors: stepsAmong(r.layers)}
}

// stepsAmong is layers with what stands for the typed ones.
func stepsAmong(layers []any) (steps []Behavior) {
	for _, l := range layers {
		switch l := l.(type) {
		case Behavior:
			steps = append(steps, l)
		case typedLayer:
			steps = append(steps, typedStep{funcName(l.around)})
		}
	}
	return steps
}

func (r *streamRoute[Q, T]) inspect() Route {
	handler := any(r.handle)
	if r.bridged != nil {
		handler = r.bridged
	}
	return Route{Kind: KindStream, Name: r.info.name, Handler: funcName(handler), Message: r.message(),
		Gives: reflect.TypeFor[T](), Behaviors: r.around()}
}

// inspect returns the routes of the relays and of the subscribers.
func (ss *subscriptions) inspect() (routes []Route) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	show := func(s subscriber, relay bool) {
		routes = append(routes, Route{Kind: KindNotification, Name: ss.names.of(s.message()), Group: s.groupName(),
			Handler: funcName(s.handler()), Message: s.message(), Relay: relay, Behaviors: s.around()})
	}
	for _, r := range ss.relays {
		show(r, true)
	}
	for _, s := range ss.all {
		show(s, false)
	}
	return routes
}
