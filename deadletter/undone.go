package deadletter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/undone"
)

// KeepUndone keeps what [mediator.Mediator.Close] of m has left in the queue of
// [mediator.Background], so that the next process can redrive it: closed is what Close
// returned. Each notification becomes a letter for each group that would have received
// it, with no attempt. It returns how many letters were stored, and what went wrong with
// those that were not, or that were without their message, each a [*StoreError], joined;
// without a [*mediator.UndoneError] in closed, 0 and nil. ctx is as for [Behavior], whose options mean here what they say of
// [Headers], of bodies, of the time a Put may take, and of [OnLetter]: the headers are those
// of the context that a notification was published with. [If] and [Cancelled] are about what
// has failed, and have no say here.
//
// What was being handled when Close gave up is not in the queue: its letters are those
// of a Behavior around its subscribers. A notification with a [mediator.Relay] was not
// relayed, and no letter makes up for whom that reaches in other processes: each is a
// *StoreError, too, whose Letter has the message and no Group.
//
// It panics if m, s or an option is nil.
func KeepUndone(ctx context.Context, m *mediator.Mediator, s Store, closed error, opts ...Option) (kept int, err error) {
	must(m != nil, "KeepUndone: the Mediator is nil")
	k := newKeeper("KeepUndone", s, opts)
	left, ok := errors.AsType[*mediator.UndoneError](closed)
	if !ok {
		return 0, nil
	}
	contexts := undone.Contexts(left)
	why := fmt.Errorf("it was not handled before the mediator was closed: %w", left.Err)
	routes := m.Inspect()
	var errs []error
	for i, message := range left.Queued {
		body, contentType, problem := k.codecs.encode(message)
		t := reflect.TypeOf(message)
		name := nameOf(routes, t)
		if i < len(left.Names) {
			name = left.Names[i]
		}
		now := time.Now().Round(0)
		l := Letter{ID: NewID(), Name: name, Kind: mediator.KindNotification, Body: body, ContentType: contentType, First: now, Last: now}
		l.describe(why)
		if k.headers != nil && i < len(contexts) {
			problem = errors.Join(problem, guard(func() error { l.Headers = k.headers(contexts[i]); return nil }))
		}
		if isRelayed(routes, t) {
			errs = append(errs, &StoreError{Letter: l, Err: errNotRelayed})
		}
		for _, group := range groupsOf(routes, t) {
			l.ID, l.Group, l.Headers = NewID(), group, maps.Clone(l.Headers)
			stored, err := k.save(ctx, l, problem)
			if stored {
				kept++
			}
			errs = append(errs, err)
		}
	}
	return kept, errors.Join(errs...)
}

var errNotRelayed = errors.New("its Relay was not given it: there are letters for the groups of this mediator alone")

func isRelayed(routes []mediator.Route, t reflect.Type) bool {
	return slices.ContainsFunc(routes, func(r mediator.Route) bool { return r.Relay && r.Message == t })
}

// nameOf returns the name of a message of type t.
func nameOf(routes []mediator.Route, t reflect.Type) string {
	for _, r := range routes {
		if r.Message == t {
			return r.Name
		}
	}
	return strings.TrimLeft(fmt.Sprint(t), "*")
}

// groupsOf returns the groups that a notification of type t reaches.
func groupsOf(routes []mediator.Route, t reflect.Type) (groups []string) {
	for _, r := range routes {
		if r.Kind != mediator.KindNotification || r.Relay {
			continue
		}
		if r.Message == t || t != nil && r.Message.Kind() == reflect.Interface && t.Implements(r.Message) {
			groups = append(groups, r.Group)
		}
	}
	return groups
}
