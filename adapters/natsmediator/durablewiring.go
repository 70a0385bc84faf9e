package natsmediator

import (
	"regexp"
	"slices"
	"strings"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// checkWiring warns of what works against the event's Durable, each once with all the
// groups that it is about.
func (d *durable) checkWiring(subscribers []mediator.Route) {
	warn := func(what string, about func(mediator.Route) bool) {
		var groups []string
		for _, s := range subscribers {
			if about(s) {
				groups = append(groups, s.Group)
			}
		}
		if groups != nil {
			d.log.Warn("natsmediator: "+what, "event", d.name, "groups", groups, "attempts", d.config.attempts)
		}
	}
	if d.config.attempts > 1 {
		warn("a Retry stands around subscribers of a durable event, so that each of its attempts is several: "+
			"have the Retry stand around others alone, by mediator.Use or behaviors.When, or give the event's Durable the option Attempts(1)",
			func(r mediator.Route) bool { return standsAround(r, "Retry") })
	}
	warn("a behavior for dead letters stands around subscribers of a durable event, so that each attempt that fails leaves a letter, "+
		"beside the one in the event's DeadLetters: have the behavior stand around others alone, by mediator.Use or behaviors.When",
		func(r mediator.Route) bool { return standsAround(r, "DeadLetters") })
	warn("a group of a durable event is named after the place of its subscriber in the code: when another one is added there, "+
		"their names change, and with them what each has had: give the subscriber a name by mediator.Group", hasPlaceForName)
}

// standsAround tells whether a behavior with the name stands around the subscriber for
// certain: not one inside of another, such as behaviors.When, that does not say whether
// it lets notifications through to it.
func standsAround(r mediator.Route, name string) bool {
	return slices.ContainsFunc(r.Behaviors, func(b mediator.Behavior) bool {
		for b := range unwrap.All(b) {
			if _, outer := b.(interface{ Unwrap() mediator.Behavior }); !outer {
				n, ok := b.(mediator.BehaviorNamer)
				return ok && strings.EqualFold(n.BehaviorName(), name)
			}
			if s, ok := b.(interface{ StandsAround(k mediator.Kind) bool }); !ok || !s.StandsAround(mediator.KindNotification) {
				return false
			}
		}
		return false
	})
}

// numbered is the end of a name that the compiler gives a function literal, or
// mediator.Subscribe to another subscriber with the same function.
var numbered = regexp.MustCompile(`(\.func[0-9]+(\.[0-9]+)*(-range[0-9]+)?|#[0-9]+)$`)

// hasPlaceForName tells whether the group is the default one, and would be another if
// the code around the subscriber changed.
func hasPlaceForName(r mediator.Route) bool {
	return (r.Group == r.Handler || strings.HasPrefix(r.Group, r.Handler+"#")) && numbered.MatchString(r.Group)
}
