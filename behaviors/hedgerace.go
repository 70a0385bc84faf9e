package behaviors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/ending"
)

// race is one hedged request. The first attempt runs on the caller's goroutine,
// which waits for all of them in any case; the others run on those of a timer.
type race struct {
	call   mediator.Call
	next   mediator.Next
	budget *Budget
	delay  time.Duration

	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu       sync.Mutex
	timer    *time.Timer
	left     int            // hedges that may still begin
	won      bool           // by the first attempt
	winner   *mediator.Call // the hedge that succeeded first, before the first attempt
	errs     []error        // those of the hedges
	panicked *mediator.PanicError
}

func (r *race) run(ctx context.Context) error {
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	r.mu.Lock()
	r.timer = time.AfterFunc(r.delay, r.begin)
	r.mu.Unlock()
	settled := false
	defer func() {
		if !settled { // the first attempt has panicked
			r.settle(true)
		}
	}()
	err := r.next(r.ctx, r.call)
	settled = true
	r.settle(err == nil)
	switch {
	case r.panicked != nil:
		panic(r.panicked)
	case r.winner != nil:
		return r.call.SetResponse(r.winner.Response())
	case err == nil:
		return nil
	}
	return ending.Told(ctx, joined(append([]error{err}, r.errs...)))
}

// joined is the error of attempts that have all failed. Of one that was no more than
// turned away it says nothing if another was handled: who reads it would take the call
// for a rejection.
func joined(errs []error) error {
	if handled := slices.DeleteFunc(slices.Clone(errs), isNoMoreThanRejection); len(handled) > 0 {
		errs = handled
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// settle ends the race after the first attempt: it lets no other begin, cancels
// those that run if one was good enough, and waits for them.
func (r *race) settle(done bool) {
	r.mu.Lock()
	r.left, r.won = 0, done
	r.timer.Stop()
	r.mu.Unlock()
	if done {
		r.cancel(ErrHedged)
	}
	r.running.Wait()
	r.cancel(nil)
}

// begin is the timer's: it runs one hedge.
func (r *race) begin() {
	fork, ok := r.enter()
	if !ok {
		return
	}
	defer r.running.Done()
	err := mediator.ErrGoexit
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case r.panicked == nil && err == nil && r.winner == nil && !r.won:
			r.winner = &fork
		case err != nil:
			r.errs = append(r.errs, err)
		}
		if r.winner != nil || r.panicked != nil {
			r.left = 0
			r.cancel(ErrHedged)
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			p := caught.Panic(v)
			err = p
			r.mu.Lock()
			r.panicked = p
			r.mu.Unlock()
		}
	}()
	err = r.next(r.ctx, fork)
}

// enter prepares a hedge, and the next one, if there may be any.
func (r *race) enter() (fork mediator.Call, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 || r.ctx.Err() != nil {
		return fork, false
	}
	giveBack, ok := r.budget.take()
	if !ok {
		return fork, false
	}
	fork, err := r.call.Fork()
	if err != nil {
		giveBack()
		return fork, false
	}
	r.running.Add(1)
	if r.left--; r.left > 0 {
		r.timer.Reset(r.delay)
	}
	return fork, true
}

const (
	quantileSamples = 256
	quantileLeast   = 32 // samples needed
	quantileStep    = 16 // samples between computations
)

// quantile is the quantile q of the latest samples.
type quantile struct {
	q      float64
	latest atomic.Int64

	mu      sync.Mutex
	samples []int64
	next    int
}

// value returns 0 as long as there are too few samples.
func (e *quantile) value() time.Duration { return time.Duration(e.latest.Load()) }

func (e *quantile) add(ns int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.samples) < quantileSamples {
		e.samples = append(e.samples, ns)
	} else {
		e.samples[e.next%quantileSamples] = ns
	}
	e.next++
	if len(e.samples) >= quantileLeast && e.next%quantileStep == 0 {
		sorted := slices.Sorted(slices.Values(e.samples))
		e.latest.Store(max(1, sorted[int(e.q*float64(len(sorted)))]))
	}
}
