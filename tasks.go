package mediator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/fsmediator/mediator/internal/ending"
)

// tasks owns the goroutines of a mediator: the workers of the background queue
// and those behind a ChanStream.
type tasks struct {
	config backgroundConfig
	once   sync.Once
	slots  chan struct{} // holds one for each queued task

	mu      sync.Mutex
	queue   []task
	workers int
	waiting int // handlers run by a worker that wait for a slot
	owned   map[*owned]struct{}
	ended   bool          // nothing more is accepted, not even from handlers
	idle    chan struct{} // closed when the last goroutine ends, nil if nobody waits
	stop    chan struct{} // closed by Close
}

// task is a notification in the queue.
type task struct {
	ctx     context.Context
	name    string
	message any
	run     func(context.Context) error
}

// owned is a goroutine that Close waits for.
type owned struct {
	cancel context.CancelCauseFunc
	stream bool
}

type taskKey struct{}

func (t *tasks) configure(c backgroundConfig) {
	if c.capacity == 0 {
		c.capacity, c.workers = 1024, max(4, runtime.GOMAXPROCS(0))
	}
	t.config = c
}

func (t *tasks) init() {
	t.once.Do(func() {
		if t.config.capacity == 0 {
			t.configure(t.config)
		}
		t.slots = make(chan struct{}, t.config.capacity)
		t.owned = map[*owned]struct{}{}
		t.stop = make(chan struct{})
	})
}

// inside tells whether ctx is that of a handler run by a worker.
func (t *tasks) inside(ctx context.Context) bool { return ctx.Value(taskKey{}) == any(t) }

// drains tells whether Close is waiting for the handler that has ctx.
func (t *tasks) drains(ctx context.Context) bool {
	if !t.inside(ctx) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.ended
}

// report passes on an error that no caller receives.
func (t *tasks) report(ctx context.Context, err error) {
	defer func() {
		if v := recover(); v != nil {
			slog.ErrorContext(ctx, "mediator: OnError panicked", "panic", v, "error", err)
		}
	}()
	if t.config.onError != nil {
		t.config.onError(ctx, err)
		return
	}
	slog.ErrorContext(ctx, err.Error())
}

// enqueue has run called by a worker.
func (t *tasks) enqueue(ctx context.Context, name string, message any, run func(context.Context) error) error {
	t.init()
	if err := t.reserve(ctx); err != nil {
		return &Error{Op: "publish", Name: name, Err: err}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.stopping() && !t.inside(ctx) {
		<-t.slots
		return &Error{Op: "publish", Name: name, Err: ErrClosed}
	}
	t.queue = append(t.queue, task{ctx: context.WithoutCancel(ctx), name: name, message: message, run: run})
	if t.workers < t.config.workers {
		t.workers++
		t.startWorker()
	}
	return nil
}

// reserve takes a slot of the queue.
func (t *tasks) reserve(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	default:
	}
	stop := t.stop
	if t.inside(ctx) {
		t.mu.Lock()
		if t.waiting+1 >= t.config.workers {
			t.mu.Unlock()
			return ErrQueueFull
		}
		t.waiting++
		t.mu.Unlock()
		defer func() {
			t.mu.Lock()
			t.waiting--
			t.mu.Unlock()
		}()
		stop = nil
	}
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-stop:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrQueueFull, ending.Of(ctx))
	}
}

func (t *tasks) stopping() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}

// startWorker is called with mu held and the worker counted.
func (t *tasks) startWorker() {
	o := &owned{}
	t.owned[o] = struct{}{}
	go t.work(o)
}

// work runs tasks until there are none.
func (t *tasks) work(o *owned) {
	finished := false
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !finished { // Goexit in a handler ends this goroutine: another takes over
			t.startWorker()
		}
		t.forget(o)
	}()
	for {
		t.mu.Lock()
		if len(t.queue) == 0 {
			t.queue = nil
			t.workers--
			t.mu.Unlock()
			break
		}
		next := t.queue[0]
		t.queue[0] = task{}
		t.queue = t.queue[1:]
		ctx, cancel := context.WithCancelCause(context.WithValue(next.ctx, taskKey{}, t))
		o.cancel = cancel
		t.mu.Unlock()
		<-t.slots
		t.runTask(ctx, next)
		cancel(nil)
	}
	finished = true
}

func (t *tasks) runTask(ctx context.Context, next task) {
	returned := false
	defer func() {
		if !returned {
			t.report(ctx, &Error{Op: "publish", Name: next.name, Err: ErrGoexit})
		}
	}()
	err := next.run(ctx)
	returned = true
	if err != nil {
		t.report(ctx, err)
	}
}

// own starts f on a goroutine that Close cancels and waits for. It may be started
// while Close drains, with the context of a handler that Close waits for.
func (t *tasks) own(ctx context.Context, cancel context.CancelCauseFunc, f func()) error {
	t.init()
	o := &owned{cancel: cancel, stream: true}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.stopping() && !t.inside(ctx) {
		return ErrClosed
	}
	t.owned[o] = struct{}{}
	go func() {
		defer func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.forget(o)
		}()
		f()
	}()
	return nil
}

// forget is called with mu held, last on o's goroutine.
func (t *tasks) forget(o *owned) {
	delete(t.owned, o)
	if len(t.owned) == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// close ends the streams, waits for the queue to be empty and for all goroutines
// to end.
func (t *tasks) close(ctx context.Context) error {
	t.init()
	t.mu.Lock()
	if !t.stopping() {
		close(t.stop)
	}
	for o := range t.owned {
		if o.stream {
			o.cancel(ErrClosed)
		}
	}
	if len(t.owned) == 0 {
		t.ended = true
		t.mu.Unlock()
		return nil
	}
	if t.inside(ctx) {
		t.mu.Unlock()
		return errors.New("called by a background handler, which it would wait for; the queue is drained all the same")
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.ended = true
		return nil
	case <-ctx.Done():
	}
	err := t.giveUp(ending.Of(ctx))
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	}
	return err
}

// closeGrace is how long Close waits, once its time is over, for the handlers that it
// has cancelled: whoever has closed the mediator goes on to close what they use, such
// as the store that keeps what has failed.
const closeGrace = 100 * time.Millisecond

// giveUp empties the queue and cancels what runs.
func (t *tasks) giveUp(cause error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	undone := &UndoneError{Running: len(t.owned), Err: cause}
	for _, left := range t.queue {
		undone.Queued = append(undone.Queued, left.message)
		undone.Names = append(undone.Names, left.name)
		undone.contexts = append(undone.contexts, left.ctx)
		<-t.slots
	}
	t.queue = nil
	for o := range t.owned {
		if o.cancel != nil {
			o.cancel(ErrClosed)
		}
	}
	if len(undone.Queued) == 0 && undone.Running == 0 {
		return nil
	}
	return undone
}
