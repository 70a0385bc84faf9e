package mediator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"sync/atomic"

	"github.com/fsmediator/mediator/internal/watch"
)

// Yields makes the struct that embeds it a stream request, and names its item.
type Yields[T any] struct{}

func (Yields[T]) embedsYields(T) {}
func (Yields[T]) isStream()      {}

// StreamRequest is what [Stream] takes: a type that embeds [Yields], or a pointer
// to one. It is sealed.
type StreamRequest[T any] interface {
	embedsYields(T)
}

// HandleStream registers h for the stream requests of type Q. h is called for
// each run of a stream, concurrently; it returns the items as an iterator, which
// ends the stream by yielding an error or by returning. An item yielded together
// with an error is not delivered.
//
// The iterator runs on the consumer's goroutine. When the consumer stops, yield
// returns false and h's context is cancelled. An iterator that calls yield again
// all the same is unwound, as by a panic that runs its deferred functions.
func HandleStream[Q StreamRequest[T], T any](h func(context.Context, Q) iter.Seq2[T, error], opts ...HandlerOption) Option {
	r := &streamRoute[Q, T]{handle: h, spec: newSpec(opts)}
	return optionFunc(func(w *wiring) { w.handlers = append(w.handlers, r.fresh()) })
}

// Stream returns the items of q's handler, run through the behaviors around it.
// Nothing runs until the sequence is ranged over; each range is a run of its
// own, on the goroutine that ranges.
//
// An error comes last and once, with a zero item: that of the handler or of a
// behavior, [ErrNoHandler], or [ErrClosed]. When ctx ends, the stream ends with
// ctx's error and its cause at the next item, even if the handler takes no
// notice: a stream that was cut off never looks complete. A panic reaches the
// caller as a panic, and a panic of the consumer's loop body is not caught by
// behaviors.
//
// The loop does not end while the handler may still deliver: if a behavior gives
// up on a run that goes on on another goroutine, the handler's context is
// cancelled, and if it has delivered items, the stream waits until it comes back
// with the next or returns.
func Stream[Q StreamRequest[T], T any](ctx context.Context, m *Mediator, q Q) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if r, ok := probe[streamRoute[Q, T]](m.requests.Load()); ok {
			r.run(ctx, q, yield)
			return
		}
		streamSlow(ctx, m, q, yield)
	}
}

// streamSlow is the way of what probe does not find, as sendSlow is.
func streamSlow[Q StreamRequest[T], T any](ctx context.Context, m *Mediator, q Q, yield func(T, error) bool) {
	var zero T
	t, err := dynamicType(q)
	if err != nil {
		yield(zero, &Error{Op: "stream", Name: messageName(reflect.TypeFor[Q]()), Err: err})
		return
	}
	found, err := m.route(ctx, "stream", t)
	if err != nil {
		yield(zero, err)
		return
	}
	r, ok := found.(interface {
		runAny(ctx context.Context, q any, yield func(T, error) bool)
	})
	if !ok {
		yield(zero, &Error{Op: "stream", Name: m.names.of(t), Err: fmt.Errorf("%w: its handler is a %s: use Send", ErrNoHandler, found.describe())})
		return
	}
	r.runAny(ctx, q, yield)
}

// streamRoute is the way of one type of stream request to its handler.
type streamRoute[Q, T any] struct {
	*spec
	handle  func(context.Context, Q) iter.Seq2[T, error]
	bridged func(context.Context, Q, chan<- T) error // HandleStreamChan
	chain   chain
	info    *info
	layers  []any
}

func (r *streamRoute[Q, T]) fresh() *streamRoute[Q, T] {
	return &streamRoute[Q, T]{spec: r.copied(), handle: r.handle, bridged: r.bridged}
}

func (r *streamRoute[Q, T]) message() reflect.Type { return reflect.TypeFor[Q]() }
func (r *streamRoute[Q, T]) settings() *spec       { return r.spec }
func (r *streamRoute[Q, T]) around() []Behavior    { return behaviorsAmong(r.layers) }

func (r *streamRoute[Q, T]) describe() string {
	if r.bridged != nil {
		return describe("stream", reflect.TypeFor[T](), r.bridged)
	}
	return describe("stream", reflect.TypeFor[T](), r.handle)
}

func (r *streamRoute[Q, T]) build(w *wiring, name string) (entry, error) {
	errs := []error{refuseInterface(r.message()), r.refuse("a stream's handler", "Group")}
	switch {
	case r.bridged != nil:
		r.handle = bridge(r.bridged, int(r.capacity), func(ctx context.Context, err error) {
			w.mediator.tasks.report(ctx, &Error{Op: "stream", Name: name, Err: err})
		})
	case r.handle == nil:
		errs = append(errs, errNilHandler)
	default:
		errs = append(errs, r.refuse("HandleStream", "Capacity"))
	}
	r.info = &info{kind: KindStream, name: name, typ: r.message()}
	r.layers = w.around(r.spec, name)
	bs, err := onlyBehaviors(r.layers, "a stream")
	errs = append(errs, err)
	r.chain, err = compose(bs, streamTerminal(r.handle), false)
	errs = append(errs, err)
	return entry{hash: typeHash[*streamRoute[Q, T]](), value: r}, errors.Join(errs...)
}

func (r *streamRoute[Q, T]) dispatch(context.Context, *Mediator, string, func(target any) error) (any, error) {
	return nil, &Error{Op: "dispatch", Name: r.info.name, Err: errors.New("it is a stream: use DispatchStream")}
}

func (r *streamRoute[Q, T]) runAny(ctx context.Context, q any, yield func(T, error) bool) {
	r.run(ctx, q.(Q), yield)
}

// run is one run of the stream.
func (r *streamRoute[Q, T]) run(ctx context.Context, q Q, yield func(T, error) bool) {
	out := &outlet[T]{turn: make(chan struct{}, 1), yield: yield, queues: &queueList{}}
	f := &frame{info: r.info, pointer: isPointer[Q](), queues: out.queues, content: &streamContent[Q, T]{q: q, out: out}}
	f.floors = make([]atomic.Uint32, r.chain.depth)
	ctx, w := watch.Take(ctx, uint8(KindStream), r.info.name, "")
	defer w.Done()
	defer out.wait()
	defer f.end()
	err := r.chain.first(ctx, Call{f: f, taps: watchedBy(w)})
	if f.end() && err == nil {
		err = &Error{Op: "stream", Name: r.info.name, Err: errCutOff}
	}
	out.wait()
	switch {
	case out.panicked:
		panic(out.panicValue)
	case err != nil && !out.stopped && !out.inBody:
		var zero T
		yield(zero, err)
	}
}

// end ends the call and waits for what was left running in it to stop delivering.
// It tells whether that had more to deliver.
func (f *frame) end() (cutOff bool) {
	s := f.retire()
	return s&running != 0 && f.content.abandoned(s&delivering != 0)
}

// errCutOff: nil would make the stream look complete.
var errCutOff = fmt.Errorf("%w: a behavior returned nil while its next was running", ErrCallOver)

// outlet is where the items of a stream go: the consumer's loop body. It belongs
// to the run that has the turn.
type outlet[T any] struct {
	queues     *queueList
	turn       chan struct{} // holds one while a run delivers, from its first item to its end
	yield      func(T, error) bool
	stopped    bool // the consumer wants no more
	inBody     bool // the body never returned: it panicked
	broken     bool // the handler panicked, after its consumer had stopped or before
	panicked   bool
	panicValue any
}

// done tells whether the consumer takes no more items.
func (o *outlet[T]) done() bool {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	return o.stopped || o.inBody
}

// wait waits for the run that delivers to be out of the loop body.
func (o *outlet[T]) wait() {
	o.turn <- struct{}{}
	<-o.turn
}

// streamContent is the content of a stream's frame.
type streamContent[Q, T any] struct {
	q   Q
	out *outlet[T]
	run *streamRun[T] // the latest, nil before the first
}

func (c *streamContent[Q, T]) message() any    { return c.q }
func (c *streamContent[Q, T]) address() any    { return &c.q }
func (c *streamContent[Q, T]) response() any   { return nil }
func (c *streamContent[Q, T]) setResponse(any) {}

func (c *streamContent[Q, T]) accepts(any) error { return nil }
func (c *streamContent[Q, T]) stopped() bool     { return c.out.done() && !c.out.broken }

func (c *streamContent[Q, T]) replace() content { return &streamContent[Q, T]{q: c.q, out: c.out} }

func (c *streamContent[Q, T]) abandoned(delivers bool) bool {
	if c.run != nil { // otherwise it is a look at the message that goes on
		c.run.cancel(nil)
	}
	if delivers {
		c.run.out.wait()
	}
	return !c.out.done()
}

func (c *streamContent[Q, T]) queueList() *queueList { return c.out.queues }

func (c *streamContent[Q, T]) interrupt(cause error) bool {
	return c.run != nil && c.run.interrupt(cause)
}

func (c *streamContent[Q, T]) boundary(q *Queue, call Call) boundary {
	return newPump(q, call, c.out)
}
