package deadletter

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/fsmediator/mediator"
)

// KeepUndone keeps what [mediator.Mediator.Close] of m has left in the queue of
// [mediator.Background], so that the next process can redrive it: closed is what Close
// returned. Each notification becomes a letter for each group that would have received
// it, with no attempt. It returns how many letters were stored, and the errors of those
// that were not, each a [*StoreError], joined; without a [*mediator.UndoneError] in
// closed, 0 and nil. ctx is as for [Behavior], whose options mean here what they say of
// bodies, of the time a Put may take, and of [OnLetter].
//
// What was being handled when Close gave up is not in the queue: its letters are those
// of a Behavior around its subscribers.
//
// It panics if m, s or an option is nil.
func KeepUndone(ctx context.Context, m *mediator.Mediator, s Store, closed error, opts ...Option) (kept int, err error) {
	must(m != nil, "KeepUndone: the Mediator is nil")
	k := newKeeper("KeepUndone", s, opts)
	undone, ok := errors.AsType[*mediator.UndoneError](closed)
	if !ok {
		return 0, nil
	}
	why := fmt.Errorf("it was not handled before the mediator was closed: %w", undone.Err)
	routes := m.Inspect()
	var errs []error
	for i, message := range undone.Queued {
		body, contentType, problem := k.codecs.encode(message)
		for _, group := range groupsOf(routes, reflect.TypeOf(message)) {
			now := time.Now().Round(0)
			l := Letter{ID: NewID(), Name: undone.Names[i], Kind: mediator.KindNotification, Group: group,
				Body: body, ContentType: contentType, First: now, Last: now}
			l.describe(why)
			if lost := k.save(ctx, l, problem); lost != nil {
				errs = append(errs, lost)
				continue
			}
			kept++
		}
	}
	return kept, errors.Join(errs...)
}

// groupsOf returns the groups that a notification of type t reaches.
func groupsOf(routes []mediator.Route, t reflect.Type) (groups []string) {
	for _, r := range routes {
		if r.Kind != mediator.KindNotification || r.Relay {
			continue
		}
		if r.Message == t || r.Message.Kind() == reflect.Interface && t.Implements(r.Message) {
			groups = append(groups, r.Group)
		}
	}
	return groups
}
