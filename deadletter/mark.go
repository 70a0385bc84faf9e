package deadletter

import (
	"context"
	"sync"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/watch"
)

// mark tells the behaviors around a handler that the call is the redrive of a
// letter. It learns from them how the call went: outside of them a fallback may
// turn a failure into a success.
type mark struct {
	mu        sync.Mutex
	reached   bool // by the call
	succeeded bool
	err       error
}

// markOf returns the mark that c has, nil for most. Where behaviors for several
// stores stand around the handler, all of them get it; the calls that the handler
// makes have none.
func markOf(c mediator.Call) *mark {
	if !watch.Any() {
		return nil
	}
	w := watch.Of(c)
	if w == nil {
		return nil
	}
	m, _ := w.Watcher.(*mark)
	return m
}

// run runs the call and notes how it went. Of several, a success counts.
func (m *mark) run(ctx context.Context, c mediator.Call, next mediator.Next) error {
	m.reach()
	err := mediator.ErrGoexit
	defer func() {
		v := recover()
		if v != nil {
			err = caught.Panic(v)
		}
		if c.Kind() == mediator.KindStream && c.Stopped() {
			m.settle(nil) // what the consumer makes of it is its own
		} else {
			m.settle(err)
		}
		if v != nil {
			panic(v)
		}
	}()
	err = next(ctx, c)
	return err
}

func (m *mark) reach() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = true
}

func (m *mark) wasReached() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reached
}

func (m *mark) settle(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	m.succeeded = m.succeeded || err == nil
}

// outcome is how the call went that returned err: nil if the letter is done with.
func (m *mark) outcome(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil || m.succeeded {
		return err
	}
	return m.err
}
