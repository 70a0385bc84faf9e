package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/fsmediator/mediator/internal/watch"
)

// Kind tells the three kinds of message apart.
type Kind uint8

// The kinds. A command is a request.
const (
	KindRequest Kind = iota + 1
	KindNotification
	KindStream
)

// String returns "request", "notification" or "stream".
func (k Kind) String() string {
	switch k {
	case KindRequest:
		return "request"
	case KindNotification:
		return "notification"
	case KindStream:
		return "stream"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// info is what never changes about a handler's calls.
type info struct {
	kind  Kind
	name  string
	group string
	typ   reflect.Type
}

// Call is a behavior's handle on the call in progress: one request, one
// subscriber's handling of a notification, or one run of a stream. It is passed
// by value and may be used from several goroutines.
//
// It is valid until the behavior that got it returns. The memory behind it is
// used again for other calls, so a Call carries the number of its own: used
// later, Message and Response return nil, SetResponse, Fork and next return
// [ErrCallOver], and nothing of another call is ever seen or changed.
//
// The zero Call belongs to no call: it is over.
type Call struct {
	f    *frame
	id   uint64 // generation, attempt and depth, see frame
	taps *tap
}

// Kind returns the kind of the message, 0 for the zero Call.
func (c Call) Kind() Kind {
	if c.f == nil {
		return 0
	}
	return c.f.info.kind
}

// Name returns the message's stable name, see [Named].
func (c Call) Name() string {
	if c.f == nil {
		return ""
	}
	return c.f.info.name
}

// Handler returns the subscriber's [Group], "" for requests and streams.
func (c Call) Handler() string {
	if c.f == nil {
		return ""
	}
	return c.f.info.group
}

// Type returns the message's type. For a subscription to an interface, it is the
// type that was published.
func (c Call) Type() reflect.Type {
	if c.f == nil {
		return nil
	}
	return c.f.info.typ
}

// Err returns nil while the call is in progress, [ErrCallOver] afterwards.
func (c Call) Err() error {
	if c.f == nil || !c.f.alive(c.id, c.f.state.Load()) {
		return ErrCallOver
	}
	return nil
}

// Message returns the message, nil once the call is over. It allocates, unless
// the message is a pointer.
func (c Call) Message() any {
	if c.f == nil || c.f.lock(c.id) != nil {
		return nil
	}
	defer c.f.unlock()
	return c.f.content.message()
}

// View calls f with the message's address, or with the message itself if it is a
// pointer, and returns what f returns: a look at the message without a copy and
// without an allocation. f must neither change the message nor keep the address.
// Nor must it call next. While f runs, the call is f's where it is guarded, see
// [CallScoper]: a next or another View that begins meanwhile gives [ErrNextRunning], on
// another goroutine, too, which is better served by [Call.Message], and f has to return
// before the behavior does. Once the call is over, View gives [ErrCallOver] and does not
// call f.
func (c Call) View(f func(message any) error) error {
	if c.f != nil && c.f.seen != nil && c.f.state.plain() == c.id {
		return f(c.f.seen)
	}
	return c.view(f)
}

func (c Call) view(f func(message any) error) error {
	if c.f == nil {
		return c.fail("view", ErrCallOver)
	}
	if c.f.confined {
		c.f.unwound(c.id)
	}
	held, s, err := c.f.borrow(c.id)
	if err != nil {
		return c.fail("view", err)
	}
	defer c.f.giveBack(s)
	if c.f.pointer {
		return f(held.message())
	}
	return f(held.address())
}

// Response returns what the handler returned or [Call.SetResponse] set last:
// nil if there is no response yet, while next is running, once the call is over,
// and for notifications and streams. A command's response is a [None].
func (c Call) Response() any {
	if c.f == nil || c.f.info.kind != KindRequest || c.f.lock(c.id) != nil {
		return nil
	}
	defer c.f.unlock()
	if c.f.state.Load()&(responded|running) != responded {
		return nil
	}
	return c.f.content.response()
}

// SetResponse makes v the response, in place of the handler's. A behavior that
// answers without calling next sets it and returns nil. Calling next discards
// it. nil stands for the nil of a response that can be nil. If next is still running, on another goroutine, its outcome is discarded.
//
// It returns an error that is [ErrMessageType] if v is not of the response's
// type, or if the message has no response (a notification, a stream), and
// [ErrCallOver] once the call is over.
func (c Call) SetResponse(v any) error {
	if c.f == nil {
		return &Error{Op: "set response", Err: ErrCallOver}
	}
	if err := c.f.lock(c.id); err != nil {
		return c.fail("set response", err)
	}
	err := c.f.content.accepts(v)
	if c.f.info.kind != KindRequest {
		err = fmt.Errorf("%w: a %v has no response", ErrMessageType, c.f.info.kind)
	}
	if err == nil {
		if c.f.state.Load()&running != 0 {
			c.f.detach(len(c.f.floors))
		}
		c.f.content.setResponse(v)
		c.f.state.Store(c.f.state.Load() | responded)
	}
	c.f.unlock()
	if err != nil {
		return c.fail("set response", err)
	}
	return nil
}

// Stopped tells whether the consumer of the stream takes no more items: it has
// left its loop, or panicked in it. A run that it left ends without an error, as a
// complete one does; a panic that goes through a behavior is the consumer's if
// Stopped is true then, and the handler's if not.
func (c Call) Stopped() bool {
	if c.f == nil || c.f.lock(c.id) != nil {
		return false
	}
	defer c.f.unlock()
	if c.f.state.Load()&running != 0 {
		return false
	}
	if t := c.taps.boundary(); t != nil {
		return t.inner.stopped()
	}
	stream, ok := c.f.content.(interface{ stopped() bool })
	return ok && stream.stopped()
}

// Interrupt ends the handler's present run of a stream: its context is cancelled
// with cause, and what it returns is cause, so that a retry between may begin
// another run; without one, the consumer gets it. It returns false if no run is in
// progress, or is interrupted already. It does not wait for the run to end, and may
// be called on another goroutine than the stream's.
func (c Call) Interrupt(cause error) bool {
	if c.f == nil || c.f.info.kind != KindStream || c.f.lock(c.id) != nil {
		return false
	}
	defer c.f.unlock()
	stream, ok := c.f.content.(interface{ interrupt(error) bool })
	return ok && c.f.state.Load()&(running|viewing) == running && stream.interrupt(cause)
}

// Queues returns the queues that the items of the stream go through at present,
// the outermost first.
func (c Call) Queues() []*Queue {
	if c.f == nil || c.f.info.kind != KindStream || c.f.lock(c.id) != nil {
		return nil
	}
	defer c.f.unlock()
	stream, ok := c.f.content.(interface{ queueList() *queueList })
	if !ok {
		return nil
	}
	return stream.queueList().copy()
}

// OnItem returns a Call that, handed to next, has f called for each item of the
// stream, just before the item goes to the consumer, on the goroutine that
// delivers it. Calls of f do not overlap. Items are not boxed, so f is given
// none; to count, to take the time of the first item or the rate, it needs none.
// On a request or a notification it does nothing.
//
//	var items int
//	err := next(ctx, c.OnItem(func() { items++ }))
func (c Call) OnItem(f func()) Call {
	c.taps = &tap{f: f, outer: c.taps}
	return c
}

// KeepItems is [Call.OnItem] for a function that decides: where keep returns
// false, the item is dropped, and neither the consumer nor an outer OnItem sees
// it.
func (c Call) KeepItems(keep func() bool) Call {
	c.taps = &tap{keep: keep, outer: c.taps}
	return c
}

// tap is a list of item observers, innermost first. One of f, keep and inner is
// set.
type tap struct {
	f     func()
	keep  func() bool
	inner boundary    // a queue: the taps from here on are called by its consumer
	watch *watch.Call // of the call, with an f that does nothing
	outer *tap
}

// upTo returns the list without end and what is outside of it.
func (t *tap) upTo(end *tap) *tap {
	if t == end {
		return nil
	}
	own := *t
	own.outer = t.outer.upTo(end)
	return &own
}

// boundary returns the tap of the next queue outwards, nil if there is none.
func (t *tap) boundary() *tap {
	for t != nil && t.inner == nil {
		t = t.outer
	}
	return t
}

// Fork returns a Call of its own for the same message, for a behavior that runs
// next several times at once, or longer than its own call lasts. It does not end
// with c, and has no response until next has run with it; to answer c, set c's.
// It allocates. A stream cannot be forked: its items go to one consumer.
//
//	fork, err := c.Fork()
//	…
//	go func() { done <- next(ctx, fork) }()
//	…
//	return c.SetResponse(fork.Response())
func (c Call) Fork() (Call, error) {
	if c.f == nil {
		return Call{}, c.fail("fork", ErrCallOver)
	}
	if c.f.info.kind == KindStream {
		return Call{}, c.fail("fork", errForkedStream)
	}
	if err := c.f.lock(c.id); err != nil {
		return Call{}, c.fail("fork", err)
	}
	c.Waited() // what runs with the fork says so to the fork alone
	defer c.f.unlock()
	own := c.f.content.replace()
	f := &frame{info: c.f.info, pointer: c.f.pointer, content: own, first: own, floors: make([]atomic.Uint32, len(c.f.floors)), fork: c.f.forkRuns()}
	f.state.Store(forked)
	return Call{f: f, id: c.id & flagMask, taps: c.taps}, nil
}

var errForkedStream = errors.New("a stream cannot be forked")

func (c Call) fail(op string, err error) error {
	return &Error{Op: op, Name: c.Name(), Group: c.Handler(), Err: err}
}

// Next runs the rest of the pipeline: the inner behaviors and the handler. It
// may be called again after it has returned, and from another goroutine, but not
// by two at once: the second gets [ErrNextRunning], if the call is guarded, see [CallScoper]. Called with a Call that is
// over, it returns [ErrCallOver] and the handler does not run; if the call ends
// while it is running, it returns ErrCallOver, and what the handler returned is
// discarded. A behavior that returns nil while its next still delivers a stream has
// cut that off: the error is ErrCallOver then, too.
type Next func(ctx context.Context, c Call) error
