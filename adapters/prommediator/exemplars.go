package prommediator

import (
	"context"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/wrapped"
	"github.com/prometheus/client_golang/prometheus"
)

// Exemplars is a [mediator.Behavior] that keeps, for each message and ending and
// for each doubling of the duration, the trace of the latest call that had one, for
// [ShowExemplars]. It belongs where the Recorder is, inside of what puts the trace
// into the context:
//
//	exemplars := prommediator.NewExemplars(otelmediator.ExemplarLabels)
//	mediator.Use(otelmediator.Behavior(), exemplars, recorder)
//
// A call without a trace costs the look for one. What is kept is bounded: at most
// [MaxExemplars] messages and endings have some. All methods are safe for concurrent
// use. The zero Exemplars is not usable.
type Exemplars struct {
	labels func(ctx context.Context) map[string]string
	mu     sync.Mutex // held to replace byKey
	byKey  atomic.Pointer[map[exemplarKey]*kept]
}

// MaxExemplars is how many messages and endings have exemplars at most.
const MaxExemplars = 2000

// exemplarKey is the labels of a duration: message, kind, handler, ending.
type exemplarKey [4]string

// kept is by the number of bits of the duration in nanoseconds.
type kept [65]atomic.Pointer[prometheus.Exemplar]

// NewExemplars returns Exemplars. labels returns what tells the trace of a context:
// "trace_id" and "span_id", mostly. It returns nothing if there is no trace that
// somebody keeps, is called concurrently and for each call, and must not change the
// map afterwards. Labels that Prometheus does not take, as those of more than 128
// characters in all, are not shown. It panics if labels is nil.
func NewExemplars(labels func(ctx context.Context) map[string]string) *Exemplars {
	if labels == nil {
		panic("prommediator: NewExemplars: the function is nil")
	}
	e := &Exemplars{labels: labels}
	e.byKey.Store(&map[exemplarKey]*kept{})
	return e
}

// BehaviorName returns "Exemplars".
func (e *Exemplars) BehaviorName() string { return "Exemplars" }

// ScopedCall implements [mediator.CallScoper].
func (e *Exemplars) ScopedCall() bool { return true }

// Wrap is part of [mediator.Behavior].
func (e *Exemplars) Wrap(next mediator.Next) mediator.Next {
	return func(ctx context.Context, c mediator.Call) error {
		labels := e.labels(ctx)
		if len(labels) == 0 {
			return next(ctx, c)
		}
		start := time.Now()
		returned := false
		defer func() {
			if !returned {
				v := recover()
				e.keep(c, unwound(c, v), start, labels)
				if v != nil {
					panic(v)
				}
			}
		}()
		err := next(ctx, c)
		returned = true
		e.keep(c, endingOf(ctx, c, err), start, labels)
		return err
	}
}

// endingOf is how c ended, next having returned err.
func endingOf(ctx context.Context, c mediator.Call, err error) behaviors.Ending {
	if stopped(c) && (err == nil || panicked(err)) {
		return behaviors.Stopped
	}
	return behaviors.EndingOf(ctx, err)
}

func panicked(err error) bool {
	_, is := wrapped.As[*mediator.PanicError](err)
	return is
}

// unwound is how c ended, which did not return, but by a panic with v or a Goexit.
func unwound(c mediator.Call, v any) behaviors.Ending {
	switch {
	case stopped(c):
		return behaviors.Stopped
	case v == nil:
		return behaviors.Exited
	}
	return behaviors.Panicked
}

func stopped(c mediator.Call) bool { return c.Kind() == mediator.KindStream && c.Stopped() }

// keep takes the place of the last call that was about as long.
func (e *Exemplars) keep(c mediator.Call, ending behaviors.Ending, start time.Time, labels map[string]string) {
	took := time.Since(start)
	key := exemplarKey{text(c.Name()), c.Kind().String(), text(c.Handler()), ending.String()}
	if k := e.place(key); k != nil {
		k[bits.Len64(uint64(max(took, 0)))].Store(&prometheus.Exemplar{Value: took.Seconds(), Labels: labels, Timestamp: time.Now()})
	}
}

// place returns where those of key are, nil if there are too many keys.
func (e *Exemplars) place(key exemplarKey) *kept {
	if k, ok := (*e.byKey.Load())[key]; ok {
		return k
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	known := *e.byKey.Load()
	if k, ok := known[key]; ok || len(known) >= MaxExemplars {
		return k
	}
	more := maps.Clone(known)
	more[key] = &kept{}
	e.byKey.Store(&more)
	return more[key]
}

// of returns what is kept for the labels of a duration, the oldest first. There is
// nothing in nil Exemplars.
func (e *Exemplars) of(labels []string) (all []prometheus.Exemplar) {
	if e == nil {
		return nil
	}
	k := (*e.byKey.Load())[exemplarKey(labels)]
	if k == nil {
		return nil
	}
	for i := range k {
		if one := k[i].Load(); one != nil {
			all = append(all, *one)
		}
	}
	slices.SortStableFunc(all, func(a, b prometheus.Exemplar) int { return a.Timestamp.Compare(b.Timestamp) })
	return all
}
