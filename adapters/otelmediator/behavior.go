package otelmediator

import (
	"context"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/caught"
	"github.com/fsmediator/mediator/internal/neighbor"
	"github.com/fsmediator/mediator/internal/wrapped"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Behavior returns a behavior that makes a span of each call and measures it, see
// the package. What stands inside of it, the handler last, has the span in its
// context; what stands outside is neither in the span nor in the duration. So it
// belongs outside of what retries and rejects, and what stands inside of a Retry
// with [SpansOnly] makes a span of each attempt.
//
// It is a [mediator.PublishWrapper]: given to the mediator by [mediator.Use], it
// makes a span of each [mediator.Publish], too, above those of its subscribers. Of
// several, the outermost makes it.
//
// One Behavior may stand around any number of handlers, of several mediators as
// well. It is safe for concurrent use, starts no goroutine, and panics if an option
// is nil.
func Behavior(opts ...Option) mediator.Behavior {
	c := newConfig("Behavior", opts)
	b := &behavior{config: c, tracer: c.tracer(), instruments: newInstruments(c.meter())}
	b.byKey.Store(&map[key]*handler{})
	return b
}

type behavior struct {
	config
	instruments
	handlers
	tracer trace.Tracer
	inside atomic.Bool // of another Behavior, around the same handler
}

// BehaviorName returns "OpenTelemetry".
func (b *behavior) BehaviorName() string { return "OpenTelemetry" }

// CheckWiring warns of a second Behavior that measures.
func (b *behavior) CheckWiring(outer, _ []mediator.Behavior) []string {
	if slices.ContainsFunc(outer, func(b mediator.Behavior) bool { return asBehavior(b) != nil }) {
		b.inside.Store(true)
	}
	if b.spansOnly || !slices.ContainsFunc(outer, measures) {
		return nil
	}
	return []string{"there is another OpenTelemetry behavior outside, so each call is measured twice: give this one SpansOnly"}
}

func measures(b mediator.Behavior) bool {
	other := asBehavior(b)
	return other != nil && !other.spansOnly && neighbor.Surely(b)
}

// ScopedCall implements [mediator.CallScoper].
func (*behavior) ScopedCall() bool { return true }

// Wrap is part of [mediator.Behavior].
func (b *behavior) Wrap(next mediator.Next) mediator.Next {
	// Only a subscriber to an interface gets messages of several names.
	var usual atomic.Pointer[handler]
	return func(ctx context.Context, c mediator.Call) error {
		h := usual.Load()
		if h == nil || h.name != c.Name() {
			h = b.of(key{c.Kind(), c.Name(), c.Handler()}, b.newHandler)
			usual.CompareAndSwap(nil, h)
		}
		return b.call(ctx, c, h, next)
	}
}

// call runs a call within its span, or a whole publish, which has no Call.
func (b *behavior) call(ctx context.Context, c mediator.Call, h *handler, next mediator.Next) error {
	r := run{b: b, h: h, outer: ctx, publish: c.Kind() == 0}
	ctx = r.begin(ctx, c)
	if !r.recording && !r.measuring {
		return next(ctx, c)
	}
	return r.watch(ctx, c, next)
}

// run is one call, or one whole publish.
type run struct {
	b         *behavior
	h         *handler
	outer     context.Context // without the span
	publish   bool
	span      trace.Span
	recording bool
	measuring bool
	start     time.Time
}

// begin starts the span, and returns the context with it.
func (r *run) begin(ctx context.Context, c mediator.Call) context.Context {
	parent := trace.SpanContextFromContext(ctx)
	opts := r.h.local
	if parent.IsRemote() {
		opts = r.h.remote
	}
	ctx, cause := takeCause(ctx)
	ctx, r.span = r.b.tracer.Start(ctx, r.h.span, opts...)
	r.recording, r.measuring = r.span.IsRecording(), r.b.enabled(ctx)
	if !r.publish {
		within(r.outer)
	}
	if r.publish && (r.recording || r.measuring) {
		ctx = &publishing{Context: ctx}
	}
	if !r.recording {
		return ctx
	}
	var publisher trace.Span
	if r.h.subscriber {
		publisher = r.publisher(c)
	}
	if publisher != nil && publisher.SpanContext().IsValid() {
		r.span.AddLink(link(publisher.SpanContext(), "publisher"))
	}
	if cause.IsValid() {
		r.span.AddLink(link(cause, "dead letter"))
	}
	if n := behaviors.Attempt(ctx); n > 1 {
		r.span.SetAttributes(attemptKey.Int(n))
	}
	return observeRetries(&recording{Context: ctx, h: r.h, publisher: publisher})
}

func link(to trace.SpanContext, as string) trace.Link {
	return trace.Link{SpanContext: to, Attributes: []attribute.KeyValue{linkKey.String(as)}}
}

// watch runs next and takes down how it ends. ctx has the span.
func (r *run) watch(ctx context.Context, c mediator.Call, next mediator.Next) error {
	r.start = time.Now()
	r.b.active.Add(ctx, 1, r.h.add...)
	var items *items
	if c.Kind() == mediator.KindStream {
		items = r.items(ctx)
		c = c.OnItem(items.count)
	}
	returned := false
	defer func() {
		if !returned {
			r.unwind(ctx, c, items, recover())
		}
	}()
	err := next(ctx, c)
	returned = true
	r.end(ctx, outcomeOf(r.outer, c, err), err, items)
	return err
}

// unwind ends a call that did not return. v is what it panicked with, and goes on;
// nil for a Goexit.
func (r *run) unwind(ctx context.Context, c mediator.Call, items *items, v any) {
	switch {
	case c.Kind() == mediator.KindStream && c.Stopped():
		r.end(ctx, outcome{ending: behaviors.Stopped}, nil, items)
	case v == nil:
		r.end(ctx, outcome{behaviors.Exited, ErrorType(mediator.ErrGoexit)}, mediator.ErrGoexit, items)
	default:
		p := caught.Panic(v)
		r.end(ctx, outcome{behaviors.Panicked, ErrorType(p)}, p, items)
	}
	if v != nil {
		panic(v)
	}
}

// outcomeOf is how c ended, which was made with ctx and for which next returned
// err.
func outcomeOf(ctx context.Context, c mediator.Call, err error) outcome {
	if c.Kind() == mediator.KindStream && c.Stopped() {
		if _, panicked := wrapped.As[*mediator.PanicError](err); err == nil || panicked {
			return outcome{ending: behaviors.Stopped}
		}
	}
	ending := behaviors.EndingOf(ctx, err)
	if c.Kind() == 0 && noFailure(ending) {
		if failed, of := failureOf(ctx, err, mostJoins); of != nil {
			ending, err = failed, of
		}
	}
	if noFailure(ending) {
		return outcome{ending: ending}
	}
	return outcome{ending, ErrorType(err)}
}

func noFailure(e behaviors.Ending) bool {
	return e == behaviors.Succeeded || e == behaviors.Canceled || e == behaviors.Declined
}

// mostJoins is how deep failureOf looks: subscribers' errors are joined, and who wraps
// the publish may join others.
const mostJoins = 8

// failureOf is the first that is a failure of what is joined in err, the error of a
// publish, and how it is called; nil if none is. What one subscriber answers, or that the
// caller has cancelled it, must not hide that another has failed.
func failureOf(ctx context.Context, err error, joins int) (behaviors.Ending, error) {
	_, joined := err.(interface{ Unwrap() []error })
	if joins > 0 && (joined || reflect.TypeOf(err) == plainWrap) {
		for _, one := range wrapped.By(err) {
			if ending, of := failureOf(ctx, one, joins-1); of != nil {
				return ending, of
			}
		}
		return 0, nil
	}
	if ending := behaviors.EndingOf(ctx, err); !noFailure(ending) {
		return ending, err
	}
	return 0, nil
}

// end counts, and ends the span. err is recorded if o is a failure.
func (r *run) end(ctx context.Context, o outcome, err error, items *items) {
	if items != nil {
		items.end()
	}
	r.b.active.Add(ctx, -1, r.h.add...)
	r.h.duration.Record(ctx, time.Since(r.start).Seconds(), r.h.measured(o)...)
	if r.recording {
		r.describe(o, err)
		r.span.End()
	}
}

// describe puts into the span how the call ended.
func (r *run) describe(o outcome, err error) {
	r.span.SetAttributes(endingKey.String(o.ending.String()))
	if err == nil {
		return
	}
	if retried, _ := wrapped.As[*behaviors.RetryError](err); retried != nil {
		r.span.SetAttributes(triesKey.Int(retried.Tries))
	}
	if open, _ := wrapped.As[*behaviors.OpenError](err); open != nil {
		r.span.AddEvent("fsmediator.breaker.rejected", trace.WithAttributes(breakerKey.String(text(open.Key)),
			breakerState.String(open.State.String()), durationKey.Float64(open.RetryAfter().Seconds())))
	}
	if o.ending == behaviors.Declined {
		message, _ := textOf(err)
		r.span.SetAttributes(answerKey.String(message))
	}
	if o.errorType == "" {
		return
	}
	var details []trace.EventOption
	if p, _ := wrapped.As[*mediator.PanicError](err); p != nil && len(p.Stack) > 0 {
		details = append(details, trace.WithAttributes(semconv.ExceptionStacktrace(string(p.Stack))))
	}
	message, asIs := textOf(err)
	if !asIs || !recorded(r.span, err, details) {
		r.span.AddEvent(semconv.ExceptionEventName, append(details, trace.WithAttributes(
			semconv.ExceptionType(reflect.TypeOf(err).String()), semconv.ExceptionMessage(message)))...)
	}
	r.span.SetAttributes(semconv.ErrorTypeKey.String(o.errorType))
	r.span.SetStatus(codes.Error, message)
}

// recorded tells whether err could be recorded: a span asks it for its text again.
func recorded(span trace.Span, err error, details []trace.EventOption) bool {
	_, returned := asked(func() string { span.RecordError(err, details...); return "" })
	return returned
}
