package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/fsmediator/mediator/internal/ending"
)

// OnStart has f called by [New], last of all and in the order of the options,
// once the mediator can be used: for what takes calls from elsewhere, such as a
// consumer of a queue. f is not to wait for the end of what it starts; that is
// ended by a function given to [OnClose].
//
// If f returns an error, or panics, the functions after it are not called, the
// mediator is closed as by [Mediator.Close] with ten seconds of time, and New
// returns the error, joined with that of Close. So every function of OnClose
// runs then, also one whose start did not get its turn.
func OnStart(f func(m *Mediator) error) Option {
	return optionFunc(func(w *wiring) {
		if f == nil {
			w.fail("OnStart", errors.New("the function is nil"))
		}
		w.starts = append(w.starts, f)
	})
}

// OnClose has f called by [Mediator.Close], first of all and last registered
// first, while the mediator still takes all calls: so f can stop what takes calls
// from elsewhere and wait for the handlers it has in progress. It gets Close's
// ctx and must return when that ends; what is left of ctx's time is for the rest.
// It is called once. Its error, or its panic as a [*PanicError], is part of Close's
// and keeps nothing else from being closed.
//
// It is not called if New fails before the functions of [OnStart] are called.
func OnClose(f func(ctx context.Context) error) Option {
	return optionFunc(func(w *wiring) {
		if f == nil {
			w.fail("OnClose", errors.New("the function is nil"))
		}
		w.closes = append(w.closes, f)
	})
}

// CloseWatcher is implemented by a [Behavior] that wants to know when a mediator
// it is wired in begins to close: to tell a load balancer, for example.
//
// MediatorClosing is called once a mediator, before [Mediator.Closing] is closed and the
// functions of [OnClose] are called, while calls go on. It is found also inside of a
// behavior that has a method Unwrap() Behavior. A behavior whose type cannot be compared
// is called once for each handler it stands around: implement it on a pointer.
type CloseWatcher interface {
	MediatorClosing()
}

// startGrace is how long New waits for the end of what was started before one of
// the starts failed.
const startGrace = 10 * time.Second

// lifecycle is what is called when a mediator starts and when it closes.
type lifecycle struct {
	starts []func(*Mediator) error
	closes []func(context.Context) error

	mu      sync.Mutex
	closing chan struct{} // made when first asked for, closed by the first Close
	closed  chan struct{} // made by the first Close, closed when all functions have run
}

// start calls the functions of OnStart. Its deferred function sees to a Goexit in
// one of them as well.
func (m *Mediator) start() (err error) {
	started := 0
	defer func() {
		if started == len(m.life.starts) {
			return
		}
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
		ctx, cancel := context.WithTimeout(context.Background(), startGrace)
		defer cancel()
		closed := m.Close(ctx)
		err = errors.Join(fmt.Errorf("OnStart %s: %w", funcName(m.life.starts[started]), err), closed)
	}()
	for _, f := range m.life.starts {
		if err := f(m); err != nil {
			return err
		}
		if m.closing.Load() {
			return fmt.Errorf("it has closed what it was to start with: %w", ErrClosed)
		}
		started++
	}
	return nil
}

// Closing returns a channel that is closed when [Mediator.Close] begins: once each
// [CloseWatcher] was told, before the functions of [OnClose], which may wait for what is
// served by m, and while m still takes all calls. It is for what goes on for as long as m
// does, such as a page that is kept open.
func (m *Mediator) Closing() <-chan struct{} {
	m.life.mu.Lock()
	defer m.life.mu.Unlock()
	return m.life.begin()
}

// begin returns closing, with the lock held.
func (l *lifecycle) begin() chan struct{} {
	if l.closing == nil {
		l.closing = make(chan struct{})
	}
	return l.closing
}

type closingKey struct{}

// beginClose calls what is to be called before the mediator closes, or waits for
// another Close to have done so. It reports each error to fail.
func (m *Mediator) beginClose(ctx context.Context, fail func(error)) (goOn bool) {
	l := &m.life
	l.mu.Lock()
	if closed := l.closed; closed != nil {
		l.mu.Unlock()
		err := m.awaitClosed(ctx, closed)
		fail(err)
		return err == nil
	}
	l.closed = make(chan struct{})
	closing := l.begin()
	l.mu.Unlock()
	defer close(l.closed)
	ctx = context.WithValue(ctx, closingKey{}, m)
	// Deferred, so that not even a Goexit in one keeps the others from running.
	for _, f := range l.closes {
		defer func() { fail(guard("OnClose "+funcName(f), func() error { return f(ctx) })) }()
	}
	// Whoever is sent away must not be sent back here, so that comes after the watchers.
	defer close(closing)
	for _, w := range m.closeWatchers() {
		defer func() {
			fail(guard(fmt.Sprintf("%T", w), func() error { w.MediatorClosing(); return nil }))
		}()
	}
	return true
}

// awaitClosed waits for another Close to have called its functions.
func (m *Mediator) awaitClosed(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	default:
	}
	switch {
	case ctx.Value(closingKey{}) == any(m):
		return errors.New("called by a function of OnClose, which it would wait for")
	case m.tasks.inside(ctx):
		return errors.New("called by a background handler while functions of OnClose run, which may wait for it; the mediator is closed all the same")
	}
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("functions of OnClose still run: %w", ending.Of(ctx))
	}
}

// guard returns what f returns, or what it panics with, and names it.
func guard(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}()
	return f()
}

// closeWatchers returns the behaviors that want to know, each once.
func (m *Mediator) closeWatchers() (ws []CloseWatcher) {
	bs := slices.Clone(m.behaviors)
	for _, r := range m.Inspect() {
		bs = append(bs, r.Behaviors...)
	}
	seen := map[Behavior]bool{}
	for _, b := range bs {
		for b := range unwrapping(b) {
			if w, ok := b.(CloseWatcher); ok {
				once := reflect.ValueOf(b).Comparable()
				if !once || !seen[b] {
					ws = append(ws, w)
				}
				if once {
					seen[b] = true
				}
			}
		}
	}
	return ws
}
