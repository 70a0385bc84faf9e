package otelmediator

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/fsmediator/mediator/behaviors"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// OnRetry adds an event to the span of ctx: the message that is retried, the attempt
// that begins, how long it has waited, in seconds, and the error.type of the failure
// before it. A [Behavior] outside of a [behaviors.Retry] has that done without
// OnRetry, and where a Retry is told to do it, too, there is one event all the same.
//
// It is for what the Behavior does not hear of: a span of one's own around a Retry,
// and a Retry with a function of [behaviors.ObserveRetries] between it and the
// Behavior.
func OnRetry(ctx context.Context, e behaviors.RetryEvent) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	if r, ok := ctx.Value(recordingKey{}).(*recording); ok && !r.first(ctx, e.Attempt) {
		return
	}
	kvs := []attribute.KeyValue{attemptKey.Int(e.Attempt), durationKey.Float64(e.Waited.Seconds()), semconv.ErrorTypeKey.String(ErrorType(e.Err))}
	if e.Name != "" {
		kvs = append(kvs, semconv.MessagingDestinationName(text(e.Name)))
	}
	if e.Handler != "" {
		kvs = append(kvs, semconv.MessagingConsumerGroupName(text(e.Handler)))
	}
	span.AddEvent("fsmediator.retry", trace.WithAttributes(kvs...))
}

// observeRetries has the span of r get an event of each retry inside.
func observeRetries(r *recording) context.Context { return behaviors.ObserveRetries(r, OnRetry) }

// recording is the context of a span that is recorded. It knows whose that is, and its
// latest retries: each is told twice where the user has wired OnRetry.
type recording struct {
	context.Context
	h         *handler
	publisher trace.Span // of a subscriber; may be nil
	mu        sync.Mutex
	latest    []retried
}

// maxLatest is how many series of retries there may be at once in one span, as a
// Hedge outside of a Retry makes them.
const maxLatest = 8

// retried is a retry: every one has a context of its own.
type retried struct {
	ctx     context.Context
	attempt int
}

type recordingKey struct{}

func (r *recording) Value(key any) any {
	if key == (recordingKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// first tells whether the retry is not known yet.
func (r *recording) first(ctx context.Context, attempt int) bool {
	if !reflect.ValueOf(ctx).Comparable() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.latest, retried{ctx, attempt}) {
		return false
	}
	if len(r.latest) == maxLatest {
		r.latest = slices.Delete(r.latest, 0, 1)
	}
	r.latest = append(r.latest, retried{ctx, attempt})
	return true
}
