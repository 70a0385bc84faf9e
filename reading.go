package mediator

import "iter"

// Source is implemented by what has figures of its own to show: retries, drops, the
// state of a breaker, the depth of a queue. They are asked for, so that counting
// them costs nothing when nobody looks. Readings is called concurrently and must not
// block.
//
// With [Mediator.Inspect] it is what a console or a collector of metrics needs: the
// behaviors of a [Route] that are a Source are asked.
type Source interface {
	Readings() iter.Seq[Reading]
}

// Reading is one figure of a [Source] at the moment.
type Reading struct {
	// Behavior says whose it is: "circuitbreaker". Default: the source's name, see
	// [BehaviorNamer], in lower case.
	Behavior string `json:"behavior,omitempty"`
	// Scope is what it is about: a message's name or another key, "" for all that
	// the source sees.
	Scope string `json:"scope,omitempty"`
	// Name says what it is: "retries", "drops", "state". A number of things that
	// only grows has their plural.
	Name string `json:"name"`
	// Value is the figure. A state is a number, too.
	Value float64 `json:"value"`
	// State is the word for Value if that is a state: "open".
	State string `json:"state,omitempty"`
	// Gauge tells that Value may fall; otherwise it only grows.
	Gauge bool `json:"gauge,omitempty"`
}
