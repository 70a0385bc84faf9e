package deadletter

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
)

// redrives counts the calls of Redrive in progress, so that in all other times a
// behavior need not look for a mark.
var redrives atomic.Int64

type markKey struct{}

// mark tells the behaviors around a handler that the call is the redrive of a
// letter. It learns from them how the call went: outside of them a fallback may
// turn a failure into a success.
type mark struct {
	kind        mediator.Kind
	name, group string

	mu        sync.Mutex
	message   any  // what the letter was decoded into
	refusals  int  // of the call, before it came to its handler
	reached   bool // by the call
	succeeded bool
	err       error
}

// claimed is a mark inside the call that it was for.
type claimed struct {
	*mark
	call mediator.Call
}

// markOf returns the mark that is about c, and the context for what is inside.
// Where behaviors for several stores stand around the handler, all of them get
// it; the calls that the handler makes do not, also if they have the same name.
func markOf(ctx context.Context, c mediator.Call) (context.Context, *mark) {
	switch m := ctx.Value(markKey{}).(type) {
	case *mark:
		if m.kind == c.Kind() && m.name == c.Name() && m.group == c.Handler() {
			return context.WithValue(ctx, markKey{}, claimed{m, c}), m
		}
	case claimed:
		if m.kind == c.Kind() && m.name == c.Name() && m.group == c.Handler() && m.call.Err() == nil &&
			reflect.DeepEqual(m.call.Message(), c.Message()) {
			return ctx, m.mark
		}
	}
	return nil, nil
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

// refuse notes that c does not come to its handler, unless it is another call that the
// handler makes.
func (m *mark) refuse(c mediator.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kind == c.Kind() && m.name == c.Name() && m.group == c.Handler() && isAt(m.message, c.Message()) {
		m.refusals++
	}
}

// isAt tells whether target is, or points to, what equals v.
func isAt(target, v any) bool {
	if p := reflect.ValueOf(target); p.Kind() == reflect.Pointer && !p.IsNil() && reflect.DeepEqual(p.Elem().Interface(), v) {
		return true
	}
	return reflect.DeepEqual(target, v)
}

// refused is how many of the attempts were none.
func (m *mark) refused() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refusals
}

func (m *mark) decoded(message any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.message = message
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
