package mediator

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"sync"
	"time"

	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// HandleStreamChan is [HandleStream] for a handler that sends its items to a
// channel. h runs on a goroutine of its own for each run of the stream and ends
// the stream by returning; it may close out, or leave that. [Capacity] sets what
// out can hold.
//
// When the consumer stops, or the context ends, h's context is cancelled, what it
// still sends is taken and discarded, and the stream waits for it to return. Go
// cannot end a goroutine from outside: a handler that goes on sending without a
// look at its context, for a million items or for five seconds, stays blocked in a
// send for good, and the function of [OnError] is told. A panic in h reaches the
// consumer as a panic with a [*PanicError], after the items sent before it;
// [runtime.Goexit] as [ErrGoexit].
func HandleStreamChan[Q StreamRequest[T], T any](h func(ctx context.Context, q Q, out chan<- T) error, opts ...HandlerOption) Option {
	r := &streamRoute[Q, T]{bridged: h, spec: newSpec(opts)}
	return optionFunc(func(w *wiring) { w.handlers = append(w.handlers, r.fresh()) })
}

// A handler that goes on sending after its context was cancelled is given up after
// this many items, or after this long if it has sent some by then. One that selects
// on its context and the send stops after two on average; a loop over a page or a
// file of results is let finish.
const (
	discardLimit = 1 << 20
	discardTime  = 5 * time.Second
	discardSome  = 10
)

// bridge makes an iterator of a handler that sends.
func bridge[Q, T any](h func(context.Context, Q, chan<- T) error, capacity int, report func(context.Context, error)) func(context.Context, Q) iter.Seq2[T, error] {
	return func(ctx context.Context, q Q) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			ctx, cancel := context.WithCancel(ctx)
			p := &producer[T]{out: make(chan T, capacity), done: make(chan struct{})}
			go p.run(func(out chan<- T) error { return h(ctx, q, out) })
			settled, stopped := false, false
			defer func() {
				if !settled { // yield has panicked
					cancel()
					if !p.end() {
						report(ctx, errRunaway)
					}
				}
			}()
			p.each(ctx, func(item T) bool {
				stopped = !yield(item, nil)
				return !stopped
			})
			cancel()
			ended := p.end()
			settled = true
			switch {
			case !ended:
				report(ctx, errRunaway)
			case p.panicked != nil:
				panic(p.panicked)
			case p.err != nil && !stopped:
				var zero T
				yield(zero, p.err)
			}
		}
	}
}

// producer is a handler on its goroutine, sending to out.
type producer[T any] struct {
	out  chan T
	done chan struct{} // closed when the handler has returned

	// Valid once done is closed.
	err      error
	panicked *PanicError
}

func (p *producer[T]) run(h func(out chan<- T) error) {
	defer close(p.done)
	p.err = ErrGoexit
	defer func() {
		if v := recover(); v != nil {
			p.panicked = newPanicError(v)
		}
	}()
	p.err = h(p.out)
}

// each gives the items to f until the handler has returned and all were given,
// f returns false, or ctx ends.
func (p *producer[T]) each(ctx context.Context, f func(T) bool) {
	for done := p.done; done != nil || len(p.out) > 0; {
		var item T
		var open bool
		select {
		case item, open = <-p.out: // without the other channels as long as there are items
		default:
			select {
			case item, open = <-p.out:
			case <-ctx.Done():
				return
			case <-done:
				done = nil
				continue
			}
		}
		if !open { // closed by the handler, which may still have an error to return
			<-p.done
			return
		}
		if !f(item) {
			return
		}
	}
}

var errRunaway = errors.New("the handler goes on sending after its context was cancelled: its goroutine is left blocked in a send")

// end waits for the handler, whose context is cancelled, and takes what it sends.
// It returns false if the handler had to be given up.
func (p *producer[T]) end() bool {
	out, began := p.out, time.Now()
	for n := range discardLimit {
		if n > discardSome && time.Since(began) > discardTime {
			break
		}
		select {
		case <-p.done:
			return true
		case _, ok := <-out:
			if !ok {
				out = nil
			}
		}
	}
	return false
}

// ChanStream is a stream delivered through a channel; see [StreamChan].
type ChanStream[T any] struct {
	// C delivers the items. It is closed at the end.
	C <-chan T

	cancel context.CancelCauseFunc
	done   chan struct{} // closed with C, under mu: nobody sees one of them closed without the other
	mu     sync.Mutex
	err    error // valid once done is closed
	closed bool  // it is Close that ended it; valid once done is closed
}

// streaming is what the options of a StreamChan say.
type streaming struct {
	capacity capacity
}

// StreamChan starts the stream of q and delivers its items through a channel,
// from a goroutine of its own. The goroutine ends when the stream has ended, ctx
// ends, or the ChanStream or the mediator is closed: one of these has to happen.
//
//	s := mediator.StreamChan(ctx, m, Quotes{Symbol: "ACME"})
//	defer s.Close()
//	for quote := range s.C { … }
//	if err := s.Err(); err != nil { … }
func StreamChan[Q StreamRequest[T], T any](ctx context.Context, m *Mediator, q Q, opts ...StreamOption) *ChanStream[T] {
	var set streaming
	var err error
	for _, o := range opts {
		if o == nil {
			err = errors.New("a nil StreamOption")
			continue
		}
		o.applyStream(&set)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c := make(chan T, set.capacity)
	s := &ChanStream[T]{C: c, cancel: cancel, done: make(chan struct{})}
	if err == nil {
		err = m.tasks.own(ctx, cancel, func() { s.run(ctx, c, Stream(ctx, m, q)) })
	}
	if err != nil {
		s.err = &Error{Op: "stream", Name: m.names.of(reflect.TypeFor[Q]()), Err: err}
		cancel(err)
		s.end(c)
	}
	return s
}

// run delivers the items.
func (s *ChanStream[T]) run(ctx context.Context, c chan<- T, items iter.Seq2[T, error]) {
	defer s.end(c)
	defer s.cancel(nil)
	s.err = ErrGoexit
	defer func() {
		if v := recover(); v != nil {
			s.err = newPanicError(v)
		}
	}()
	var end error
	for item, err := range items {
		if err != nil {
			end = err
			break
		}
		select {
		case c <- item:
			continue
		default:
		}
		select {
		case c <- item:
		case <-ctx.Done():
			// The item was not taken, and the stream says so: it ends with the
			// error of ctx at the next look.
			end = ending.Of(ctx)
		}
		if end != nil {
			break
		}
	}
	// Where the handler reads another ChanStream, that one's ErrStopped may be its error.
	s.err, s.closed = end, wrapped.Is(end, ErrStopped) && wrapped.Is(context.Cause(ctx), ErrStopped)
}

// end closes C and lets Err tell why.
func (s *ChanStream[T]) end(c chan<- T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(c)
	close(s.done)
}

// Err returns why the stream ended: nil if it is complete. It is valid once C is
// closed, nil before. A handler's panic is a [*PanicError]. If Close ended the
// stream early, it is [ErrStopped]: a stream that was cut off never looks complete.
func (s *ChanStream[T]) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close ends the stream if it has not ended, and waits for its handler to return;
// a handler has to heed its context for that, and must not call Close itself. Items that C still holds can be
// received. It returns the error with which the stream had ended before, nil if
// it was Close that ended it. It may be called at any time, more than once, and
// concurrently.
func (s *ChanStream[T]) Close() error {
	s.cancel(ErrStopped)
	<-s.done
	if s.closed {
		return nil
	}
	return s.err
}
