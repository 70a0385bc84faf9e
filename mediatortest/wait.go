package mediatortest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fsmediator/mediator"
)

// WaitPublished waits until at least n notifications of type N were published and
// all their subscribers are done, with or without an error, and returns what
// [Published] does then. It is for what is published with [mediator.Background] or
// by another goroutine, and works in testing/synctest.
//
// It ends the test if that takes longer than ten seconds, or than the test, and says
// what is missing; so it has to be called on the test's goroutine. What takes longer
// is waited for by [Recorder.WaitFor].
//
// r has to be an option of the mediator, the first. If N is an interface, what
// implements it counts. A notification that has a [mediator.Relay] is done when the
// relay is: a delivery later is waited for only if it has begun.
func WaitPublished[N any](t testing.TB, r *Recorder, n int) []N {
	t.Helper()
	if n < 1 {
		t.Fatalf("WaitPublished: n is %d: nothing to wait for; Published tells what there is", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var found []N
	var busy []string
	err := r.wait(ctx, func(entries []entry) bool {
		found, busy = messagesOf[N](callsOf(entries), mediator.KindNotification), unfinished[N](entries)
		return len(found) >= n && len(busy) == 0
	})
	if err != nil {
		missing := ""
		if len(busy) > 0 {
			missing = ", not done: " + strings.Join(busy, ", ")
		}
		t.Fatalf("WaitPublished: %d of %d %v published%s: %v", len(found), n, reflect.TypeFor[N](), missing, err)
	}
	return found
}

// unfinished returns the groups, and "the relay", that have not handled all the
// notifications of type N.
func unfinished[N any](entries []entry) (who []string) {
	type delivery struct {
		m       *mediator.Mediator
		message reflect.Type
		group   string
	}
	due := map[delivery]int{}
	for _, e := range entries {
		if _, ok := e.Message.(N); !ok || e.Kind != mediator.KindNotification {
			continue
		}
		to := delivery{e.m, reflect.TypeOf(e.Message), e.Handler}
		switch {
		case e.Done && e.delivered:
			due[to]--
		case e.Done:
		case e.Handler == "":
			who = append(who, "the relay")
		default:
			who = append(who, e.Handler)
		}
		for _, to.group = range e.groups {
			due[to]++
		}
	}
	for to, n := range due {
		// What has unsubscribed meanwhile may not have been called.
		if n > 0 && slices.Contains(groupsOf(to.m, to.message), to.group) {
			who = append(who, to.group)
		}
	}
	slices.Sort(who)
	return slices.Compact(who)
}

// groupsOf are those that a Publish of the type in m reaches, but for the Recorders.
func groupsOf(m *mediator.Mediator, message reflect.Type) (groups []string) {
	for _, r := range m.Inspect() {
		reached := r.Message == message || r.Message.Kind() == reflect.Interface && message.Implements(r.Message)
		if r.Kind == mediator.KindNotification && !r.Relay && reached && !strings.HasPrefix(r.Group, ownGroup) {
			groups = append(groups, r.Group)
		}
	}
	return groups
}
