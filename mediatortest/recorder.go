package mediatortest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/ending"
)

// Recorder records calls in the order in which they begin. Made by
// [NewRecorder], it is a [mediator.Option] and a [mediator.HandlerOption]:
//
//   - Given to [mediator.New] it records everything: each request that has a
//     handler, each run of a stream, each notification, whether it has
//     subscribers or not, and what each of them does with it. Give it first: then
//     it is outermost, sees what the caller sees, and a notification is recorded
//     ahead of its handling by subscribers, unless they run in parallel. One that
//     has a [mediator.Relay] is recorded when it is published, with what the relay
//     ends with, and then each delivery to a subscriber.
//   - Given to a handler or a subscriber it records the calls of this one, as
//     they are where it stands among the behaviors: inside a retry, every attempt.
//
// It may be given in several places and to several mediators, and records the
// calls in each. It changes nothing about them. Its methods, and the functions
// that ask it, are safe for concurrent use.
type Recorder struct {
	option
	handlerOption

	group string // of its own subscription

	mu      sync.Mutex
	calls   []*entry
	changed chan struct{} // closed at the next change; nil if nobody waits
}

// The interfaces that mediator seals are satisfied by holding a value of them.
type (
	option        = mediator.Option
	handlerOption = mediator.HandlerOption
)

// entry is a call as it is recorded.
type entry struct {
	Call
	m         *mediator.Mediator // nil if the Recorder is an option of a handler
	groups    []string           // those that a notification as it was published reaches
	delivered bool               // by a Publish, not to a single group by name
}

// What is published without a subscriber passes no behavior, so a Recorder
// subscribes to everything, in a group that Recorders know as theirs.
const ownGroup = "mediatortest.Recorder#"

var recorders atomic.Int64

// NewRecorder returns a Recorder that has recorded nothing.
func NewRecorder() *Recorder {
	r := &Recorder{group: fmt.Sprint(ownGroup, recorders.Add(1))}
	r.handlerOption = mediator.Use(mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		return r.record(ctx, c, next, nil, nil)
	}))
	r.option = mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		relayed := sync.OnceValue(func() map[string]bool { return relays(m) })
		return mediator.Options(
			mediator.Use(watching{mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
				return r.record(ctx, c, next, m, relayed)
			}), r}),
			mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group(r.group)))
	})
	return r
}

// watching is a Recorder's behavior. It knows a delivery of a publish from one to a
// single group.
type watching struct {
	mediator.Behavior
	r *Recorder
}

// publishedKey is the key of the name of the notification that is being published:
// of none, once it is with its subscribers.
type publishedKey struct{ r *Recorder }

// WrapPublish is part of [mediator.PublishWrapper].
func (w watching) WrapPublish(ctx context.Context, name string, publish func(context.Context) error) error {
	return publish(context.WithValue(ctx, publishedKey{w.r}, name))
}

// relays is the names of the notifications that have a relay in m. They do not
// change once m can be used.
func relays(m *mediator.Mediator) map[string]bool {
	names := map[string]bool{}
	for _, route := range m.Inspect() {
		if route.Relay {
			names[route.Name] = true
		}
	}
	return names
}

// Calls returns a copy of what was recorded, in the order in which the calls
// began. Those still in progress are not [Call.Done].
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return callsOf(r.snapshot())
}

// Reset forgets what was recorded, calls in progress included.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
	r.signal()
}

// WaitFor blocks until done, given the calls so far, returns true: it is asked at
// once and then after changes, a call that begins or ends, an item delivered. If
// ctx ends first, WaitFor returns ctx's error and says what was recorded. done is
// called on the caller's goroutine and may use the Recorder.
func (r *Recorder) WaitFor(ctx context.Context, done func([]Call) bool) error {
	return r.wait(ctx, func(entries []entry) bool { return done(callsOf(entries)) })
}

func (r *Recorder) wait(ctx context.Context, done func([]entry) bool) error {
	for {
		r.mu.Lock()
		entries := r.snapshot()
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		if done(entries) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for calls: %w; recorded: %s", ending.Of(ctx), list(callsOf(entries)))
		}
	}
}

func list(calls []Call) string {
	if len(calls) == 0 {
		return "none"
	}
	lines := make([]string, len(calls))
	for i, c := range calls {
		lines[i] = c.String()
	}
	return strings.Join(lines, "; ")
}

// record is the behavior of the Recorder, in m if it is an option of a mediator.
// relayed returns the names of the notifications that have a relay there.
func (r *Recorder) record(ctx context.Context, c mediator.Call, next mediator.Next, m *mediator.Mediator, relayed func() map[string]bool) error {
	call := &entry{Call: Call{Kind: c.Kind(), Name: c.Name(), Handler: c.Handler()}, m: m}
	if call.delivered = ctx.Value(publishedKey{r}) == call.Name; call.delivered {
		ctx = context.WithValue(ctx, publishedKey{r}, nil)
	}
	if strings.HasPrefix(call.Handler, ownGroup) {
		if call.Handler != r.group {
			return next(ctx, c)
		}
		if relayed()[call.Name] { // a delivery; it was recorded at its relay
			return nil
		}
		// The notification as it was published: no subscriber that the behaviors
		// below should be bothered with.
		call.Handler, call.Done, call.groups = "", true, groupsOf(m, c.Type())
	}
	call.Message = c.Message()
	r.begin(call)
	if call.Done {
		return nil
	}
	inner := c
	if call.Kind == mediator.KindStream {
		inner = c.OnItem(func() { r.change(func() { call.Items++ }) })
	}
	err := mediator.ErrGoexit
	defer func() {
		v := recover()
		if v != nil {
			err = caught.Panic(v)
		}
		response := c.Response()
		r.change(func() { call.Response, call.Err, call.Done = response, err, true })
		if v != nil {
			panic(v)
		}
	}()
	err = next(ctx, inner)
	return err
}

func (r *Recorder) begin(call *entry) {
	r.change(func() { r.calls = append(r.calls, call) })
}

// change runs f with mu held and lets those who wait look again.
func (r *Recorder) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	r.signal()
}

// signal is called with mu held.
func (r *Recorder) signal() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// snapshot is called with mu held.
func (r *Recorder) snapshot() []entry {
	entries := make([]entry, len(r.calls))
	for i, e := range r.calls {
		entries[i] = *e
	}
	return entries
}

func callsOf(entries []entry) []Call {
	calls := make([]Call, len(entries))
	for i, e := range entries {
		calls[i] = e.Call
	}
	return calls
}
