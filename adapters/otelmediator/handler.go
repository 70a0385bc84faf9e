package otelmediator

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// System is the messaging.system of all spans and metrics.
const System = "fsmediator"

// Attributes that the conventions have no name for.
const (
	endingKey   = attribute.Key("fsmediator.ending")
	answerKey   = attribute.Key("fsmediator.answer")
	attemptKey  = attribute.Key("fsmediator.attempt")
	triesKey    = attribute.Key("fsmediator.tries")
	itemsKey    = attribute.Key("fsmediator.stream.items")
	linkKey     = attribute.Key("fsmediator.link")
	reasonKey   = attribute.Key("fsmediator.reason")
	durationKey = attribute.Key("fsmediator.duration") // in seconds
)

// What is told apart at most.
const (
	maxHandlers = 1000
	maxEndings  = 100
)

// key is what has attributes of its own.
type key struct {
	kind        mediator.Kind
	name, group string
}

// handler is what is the same in all calls of one handler.
type handler struct {
	key
	span          string // its name
	local, remote []trace.SpanStartOption
	subscriber    bool
	duration      metric.Float64Histogram
	attributes    []attribute.KeyValue
	add           []metric.AddOption    // of the counters
	firstItem     []metric.RecordOption // of the time to the first item
	succeeded     []metric.RecordOption

	mu    sync.Mutex // held to replace ended
	ended atomic.Pointer[map[outcome][]metric.RecordOption]
}

// outcome is how a call ended: what its duration is told apart by.
type outcome struct {
	ending    behaviors.Ending
	errorType string // "" if it is no failure
}

func (b *behavior) newHandler(k key) *handler {
	operation, kind, operationType := "send", trace.SpanKindInternal, semconv.MessagingOperationTypeProcess
	remote := trace.SpanKindServer
	h := &handler{key: k, duration: b.process}
	switch {
	case k.kind == mediator.KindStream:
		operation = "stream"
	case k.kind == mediator.KindNotification && k.group == "":
		operation, operationType = "publish", semconv.MessagingOperationTypeSend
		kind, remote = trace.SpanKindProducer, trace.SpanKindProducer
		h.duration = b.publish
	case k.kind == mediator.KindNotification:
		operation = "process"
		kind, remote = trace.SpanKindConsumer, trace.SpanKindConsumer
		h.subscriber = true
	}
	name := text(k.name)
	h.span = operation + " " + name
	h.attributes = append(slices.Clone(b.attributes), semconv.MessagingSystemKey.String(System), semconv.MessagingOperationName(operation),
		operationType, semconv.MessagingDestinationName(name))
	if k.group != "" {
		h.attributes = append(h.attributes, semconv.MessagingConsumerGroupName(text(k.group)))
	}
	start := func(kind trace.SpanKind) []trace.SpanStartOption {
		opts := []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(h.attributes...)}
		if b.roots && h.subscriber {
			opts = append(opts, trace.WithNewRoot())
		}
		return opts
	}
	h.local, h.remote = start(kind), start(remote)
	all := metric.WithAttributeSet(attribute.NewSet(slices.Clone(h.attributes)...))
	h.add, h.firstItem = []metric.AddOption{all}, []metric.RecordOption{all}
	h.succeeded = h.options(outcome{ending: behaviors.Succeeded})
	h.ended.Store(&map[outcome][]metric.RecordOption{})
	return h
}

// text is s as the value of an attribute. Protocol Buffers takes no string that is
// not UTF-8, and an exporter loses the whole batch that has one.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (h *handler) options(o outcome) []metric.RecordOption {
	kvs := append(slices.Clone(h.attributes), endingKey.String(o.ending.String()))
	if o.errorType != "" {
		kvs = append(kvs, semconv.ErrorTypeKey.String(o.errorType))
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(kvs...))}
}

// measured returns the options of a duration. They are made once for each outcome.
func (h *handler) measured(o outcome) []metric.RecordOption {
	if o == (outcome{ending: behaviors.Succeeded}) {
		return h.succeeded
	}
	if opts, ok := (*h.ended.Load())[o]; ok {
		return opts
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	known := *h.ended.Load()
	if _, ok := known[o]; !ok && len(known) >= maxEndings && o.errorType != "" {
		o.errorType = otherType
	}
	if opts, ok := known[o]; ok {
		return opts
	}
	more := maps.Clone(known)
	more[o] = h.options(o)
	h.ended.Store(&more)
	return more[o]
}

// handlers finds what is known of handlers.
type handlers struct {
	mu    sync.Mutex // held to replace byKey
	byKey atomic.Pointer[map[key]*handler]
}

// of returns the handler with the key k, and makes it if need be.
func (hs *handlers) of(k key, newHandler func(key) *handler) *handler {
	if h, ok := (*hs.byKey.Load())[k]; ok {
		return h
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	known := *hs.byKey.Load()
	if _, ok := known[k]; !ok && len(known) >= maxHandlers {
		k.name = otherType
		if k.group != "" {
			k.group = otherType
		}
	}
	if h, ok := known[k]; ok {
		return h
	}
	more := maps.Clone(known)
	more[k] = newHandler(k)
	hs.byKey.Store(&more)
	return more[k]
}
