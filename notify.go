package mediator

import (
	"context"
	"errors"
	"reflect"
	"sync"

	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/watch"
)

// publishing is how a notification reaches its subscribers.
type publishing struct {
	parallel   int // how many at once, < 0: all; 0: one after the other
	background bool
}

// Sequential runs the subscribers one after the other, in the order they were
// registered, on the publisher's goroutine. It is the default.
func Sequential() SharedPublish { return order(0) }

// Parallel runs the subscribers at the same time, limit of them at most; all if
// limit <= 0. Each has a goroutine of its own; Publish waits for all of them.
func Parallel(limit int) SharedPublish {
	if limit <= 0 {
		return order(-1)
	}
	return order(limit)
}

type order int

func (o order) apply(w *wiring) {
	w.once("Sequential or Parallel")
	w.publishing.parallel = int(o)
}

func (o order) applyPublish(c *publishing) { c.parallel = int(o) }

// Background has [Publish] return as soon as the notification is in the queue of
// the mediator. A worker handles it later: with the context's values, but not
// its cancellation. Workers take notifications in order, and several may be
// handled at once; see [BackgroundQueue]. Errors go to the function of
// [OnError]. [Mediator.Close] waits for the queue. A transaction among the context's
// values may be over by then.
//
// While the queue is full Publish blocks. If ctx ends first, the error is
// [ErrQueueFull] and that of ctx, and the notification will not be handled. A
// handler run by a worker, and that passes on its context, gets ErrQueueFull at
// once where waiting for room would leave no worker to make it.
func Background() PublishOption { return backgroundOption{} }

type backgroundOption struct{}

func (backgroundOption) applyPublish(c *publishing) { c.background = true }

// Publish gives n to every subscriber of its type and of the interfaces it
// implements, each within its own pipeline. All of them run, whatever the others
// do; their errors are joined, each in an [*Error] with the subscriber's [Group].
// A panic becomes a [*PanicError] among them. [runtime.Goexit] in a subscriber
// ends the publisher's goroutine after the rest have run, where they run in
// sequence; in parallel it is [ErrGoexit]. It is no error to have no subscriber.
// Of options that contradict each other the last one holds. A [Relay] takes the
// place of the subscribers.
//
// If N is an interface, the subscribers are those of n's dynamic type. A message
// is boxed once for all subscribers to interfaces, otherwise Publish in sequence
// allocates nothing.
func Publish[N any](ctx context.Context, m *Mediator, n N, opts ...PublishOption) error {
	if len(opts) == 0 {
		if set := m.subs.topics.Load(); set != nil {
			if t, ok := find[topic[N]](set.table); ok {
				if t.single != nil {
					return t.publishOne(ctx, n)
				}
				if t.parallel == 0 {
					return t.sequential(ctx, n)
				}
			}
		}
	}
	return publishSlow(ctx, m, n, opts)
}

// PublisherFor returns Publish for one type of notification as a plain function,
// as [SenderFor] does for a request.
func PublisherFor[N any](m *Mediator, opts ...PublishOption) func(context.Context, N) error {
	return func(ctx context.Context, n N) error { return Publish(ctx, m, n, opts...) }
}

// publishSlow is Publish with options, and for the types that no topic was made
// for yet.
func publishSlow[N any](ctx context.Context, m *Mediator, n N, opts []PublishOption) error {
	how := m.publishing
	t, err := dynamicType(n)
	for _, o := range opts {
		if o == nil {
			err = errors.Join(err, errors.New("a nil PublishOption"))
			continue
		}
		o.applyPublish(&how)
	}
	if err == nil {
		err = m.open(ctx)
	}
	if err == nil && m.unwired { // it would reach nobody
		err = errUnwired
	}
	if err != nil {
		return &Error{Op: "publish", Name: messageName(reflect.TypeFor[N]()), Err: err}
	}
	if t == reflect.TypeFor[N]() {
		return publishTo(ctx, typedTopic[N](m), n, how)
	}
	if set := m.subs.topics.Load(); set != nil {
		if topic := set.boxed[t]; topic != nil {
			return publishTo(ctx, topic, any(n), how)
		}
	}
	return publishTo(ctx, topicOf[any](m, t), any(n), how)
}

func publishTo[N any](ctx context.Context, t *topic[N], n N, how publishing) error {
	return t.wrapped(ctx, n, how, 0)
}

func (t *topic[N]) unwrapped(ctx context.Context, n N, how publishing) error {
	if how.background {
		return t.m.tasks.enqueue(ctx, t.name, n, func(ctx context.Context) error { return t.publish(ctx, n, how.parallel) })
	}
	return t.publish(ctx, n, how.parallel)
}

// topic is the subscribers of one type of notification. It does not change; when
// subscribers come or go, another takes its place.
type topic[N any] struct {
	// What the usual Publish looks at, first, for it to be in one cache line.
	single   func(context.Context, N) error // the only step, if it is plain and parallel is 0
	parallel int                            // not 0: Publish goes the slow way
	steps    []step[N]                      // what Publish runs: the subscribers, or their relay alone

	m        *Mediator
	name     string
	groups   []step[N] // the subscribers
	toOne    bool      // it is the way to one group
	relayed  bool
	wrappers []PublishWrapper
}

// step is one subscriber's part of a topic. One of plain, handle, pipe and boxed
// is set.
type step[N any] struct {
	plain  func(context.Context, N) error                // neither behaviors nor a gate
	handle func(context.Context, N) error                // no behaviors
	pipe   *pipeline[N, None]                            // behaviors
	boxed  func(context.Context, any, *watch.Call) error // subscribed to an interface
	gate   *gate                                         // nil if it cannot be stopped
	group  string
}

func (t *topic[N]) publish(ctx context.Context, n N, parallel int) error {
	if parallel == 0 || t.relayed {
		return t.sequential(ctx, n)
	}
	return t.inParallel(ctx, n, parallel)
}

// sequential runs the steps one after the other. One deferred function guards
// them all; after a panic or a Goexit, rest goes on with the next step.
func (t *topic[N]) sequential(ctx context.Context, n N) (err error) {
	var errs []error
	i := 0
	defer func() {
		if i < len(t.steps) {
			err = t.resume(ctx, n, i, errs, false, recover())
		}
	}()
	var box any
	for ; i < len(t.steps); i++ {
		s := &t.steps[i]
		var err error
		if s.plain != nil {
			err = s.plain(ctx, n)
		} else {
			if s.boxed != nil && box == nil {
				box = n
			}
			err = s.run(ctx, n, box)
		}
		if err != nil {
			errs = append(errs, t.failed(i, err))
		}
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	return nil
}

// publishOne is sequential for a single plain subscriber.
func (t *topic[N]) publishOne(ctx context.Context, n N) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = t.resume(ctx, n, 0, nil, false, recover())
		}
	}()
	err = t.single(ctx, n)
	returned = true
	if err != nil {
		return t.failed(0, err)
	}
	return nil
}

// resume goes on after step i, which has ended by a panic with v, or by Goexit if
// v is nil: then this goroutine ends when its deferred functions have run, so
// nobody will receive the errors.
func (t *topic[N]) resume(ctx context.Context, n N, i int, errs []error, ending bool, v any) error {
	if v != nil {
		return t.rest(ctx, n, i+1, append(errs, t.failed(i, newPanicError(v))), ending)
	}
	return t.rest(ctx, n, i+1, errs, true)
}

// rest is sequential from step i on.
func (t *topic[N]) rest(ctx context.Context, n N, i int, errs []error, ending bool) (err error) {
	defer func() {
		if i < len(t.steps) {
			err = t.resume(ctx, n, i, errs, ending, recover())
		}
	}()
	for ; i < len(t.steps); i++ {
		if err := t.steps[i].call(ctx, n); err != nil {
			errs = append(errs, t.failed(i, err))
		}
	}
	err = errors.Join(errs...)
	if ending && err != nil {
		t.m.tasks.report(ctx, err)
	}
	return err
}

// call calls a subscriber of any sort.
func (s *step[N]) call(ctx context.Context, n N) error {
	if s.plain != nil {
		return s.plain(ctx, n)
	}
	return s.run(ctx, n, n)
}

// run calls a subscriber that is not plain.
func (s *step[N]) run(ctx context.Context, n N, box any) (err error) {
	if s.gate != nil {
		if !s.gate.enter() {
			return ErrUnsubscribed
		}
		defer s.gate.leave()
	}
	switch {
	case s.pipe != nil:
		_, err = s.pipe.call(ctx, n)
		return err
	case s.boxed != nil:
		return s.boxed(ctx, box, nil)
	}
	return s.handle(ctx, n)
}

func (t *topic[N]) inParallel(ctx context.Context, n N, limit int) error {
	if limit < 0 || limit > len(t.steps) {
		limit = len(t.steps)
	}
	errs := make([]error, len(t.steps))
	free := make(chan struct{}, limit)
	var wg sync.WaitGroup
	for i := range t.steps {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			t.runAlone(ctx, n, i, &errs[i])
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// runAlone runs step i on a goroutine of its own.
func (t *topic[N]) runAlone(ctx context.Context, n N, i int, err *error) {
	s := &t.steps[i]
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			*err = t.failed(i, newPanicError(v))
			return
		}
		*err = t.failed(i, ErrGoexit)
	}()
	e := s.call(ctx, n)
	returned = true
	if e != nil {
		*err = t.failed(i, e)
	}
}

// failed is the error of step i for the publisher: nil if it was unsubscribed meanwhile
// and nothing else is wrong.
func (t *topic[N]) failed(i int, err error) error {
	if !t.toOne && ending.Only[*Error](err, ErrUnsubscribed) { // an Error is of a call that the handler has made
		return nil
	}
	return &Error{Op: "publish", Name: t.name, Group: t.steps[i].group, Err: err}
}
