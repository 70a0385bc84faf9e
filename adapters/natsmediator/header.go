package natsmediator

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// Headers of messages. The attributes of CloudEvents carry their prefix, the
// content type too, as the NATS binding of CloudEvents wants it in binary mode.
const (
	headerVersion     = "ce-specversion"
	headerID          = "ce-id"
	headerSource      = "ce-source"
	headerType        = "ce-type"
	headerContentType = "ce-datacontenttype"
	headerTimeout     = "Mediator-Timeout" // what is left of the caller's deadline, in nanoseconds
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
)

// cloudEvents is the version of the specification that the attributes follow.
const cloudEvents = "1.0"

var versionValue = []string{cloudEvents}

// Trace is the place of a call in a distributed trace, as of W3C Trace Context:
// the values of the headers traceparent and tracestate. It is handed on as it is.
type Trace struct {
	Parent, State string
}

type traceKey struct{}

// WithTrace returns a context whose remote calls and durable events carry t.
// Whoever uses a tracing library gives the node a [Propagator] instead.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceFrom returns the trace of a context: what came with the message that is
// being handled, or what [WithTrace] said.
func TraceFrom(ctx context.Context) Trace {
	t, _ := ctx.Value(traceKey{}).(Trace)
	return t
}

// Propagator carries what a tracing library keeps in a context from one process
// to another. It is used concurrently. The carrier has the methods of
// OpenTelemetry's TextMapCarrier, so that a TextMapPropagator needs two methods
// of one line to be a Propagator.
type Propagator interface {
	// Inject writes what ctx holds to the headers of a message to be sent.
	Inject(ctx context.Context, headers Carrier)
	// Extract returns ctx with what the headers of a message that came hold. They
	// are what anyone may have sent.
	Extract(ctx context.Context, headers Carrier) context.Context
}

// Carrier is the headers of one message. Names differ by case.
type Carrier interface {
	Get(key string) string
	Set(key, value string)
	Keys() []string
}

// Propagate has a node use p, in place of handing on what [WithTrace] said. It
// panics if p is nil.
func Propagate(p Propagator) NodeOption {
	if p == nil {
		panic("natsmediator: Propagate: the propagator is nil")
	}
	return nodeOption(func(c *nodeConfig) { c.propagator = p })
}

// w3c is the default Propagator.
type w3c struct{}

func (w3c) Inject(ctx context.Context, h Carrier) {
	t := TraceFrom(ctx)
	if t.Parent == "" {
		return
	}
	h.Set(headerTraceParent, t.Parent)
	if t.State != "" {
		h.Set(headerTraceState, t.State)
	}
}

func (w3c) Extract(ctx context.Context, h Carrier) context.Context {
	parent := h.Get(headerTraceParent)
	if parent == "" {
		return ctx
	}
	return WithTrace(ctx, Trace{Parent: parent, State: h.Get(headerTraceState)})
}

type carrier nats.Header

func (c carrier) Get(key string) string { return nats.Header(c).Get(key) }
func (c carrier) Set(key, value string) { nats.Header(c).Set(key, value) }

func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// wire is what a node puts on the wire and takes from it.
type wire struct {
	codecs     codecs
	codes      codes
	propagator Propagator
	source     []string // ce-source
}

func newWire(c nodeConfig) (*wire, error) {
	codes, err := newCodes(c.codes)
	if err != nil {
		return nil, err
	}
	w := &wire{codecs: newCodecs(c.codecs), codes: codes, propagator: c.propagator, source: []string{"/" + c.namespace}}
	if w.propagator == nil {
		w.propagator = w3c{}
	}
	return w, nil
}

// attributes are the values of headers that are the same for all messages of one
// name and codec.
type attributes struct {
	name, contentType []string
}

func newAttributes(name, contentType string) attributes {
	return attributes{name: []string{escapeValue(name)}, contentType: []string{contentType}}
}

// header returns the headers of a new message.
func (w *wire) header(ctx context.Context, a attributes, id string) nats.Header {
	h := nats.Header{
		headerVersion: versionValue, headerID: []string{id}, headerSource: w.source,
		headerType: a.name, headerContentType: a.contentType,
	}
	w.propagator.Inject(ctx, carrier(h))
	return h
}

// extract returns ctx with what came along with a message.
func (w *wire) extract(ctx context.Context, h nats.Header) context.Context {
	return w.propagator.Extract(ctx, carrier(h))
}

// check refuses headers that contradict what the message came as. Those of
// CloudEvents may be missing, so that any NATS client can call.
func (w *wire) check(h nats.Header, name string) error {
	if v := h.Get(headerVersion); v != "" && v != cloudEvents {
		return fmt.Errorf("%w: %s is %q, not %q", ErrMalformed, headerVersion, clip(v, 100), cloudEvents)
	}
	if v := h.Get(headerType); v != "" && v != name && unescapeValue(v) != name {
		return fmt.Errorf("%w: %s is %q, not %q", ErrMalformed, headerType, clip(v, 100), name)
	}
	return nil
}

func setTimeout(h nats.Header, d time.Duration) {
	h[headerTimeout] = []string{strconv.FormatInt(int64(max(d, 0)), 10)}
}

// timeout returns what is left of the caller's deadline, false if it has none.
func timeout(h nats.Header) (d time.Duration, ok bool, err error) {
	v := h.Get(headerTimeout)
	if v == "" {
		return 0, false, nil
	}
	ns, err := strconv.ParseInt(v, 10, 64)
	if err != nil || ns < 0 {
		return 0, false, fmt.Errorf("%w: %s is %q, not a number of nanoseconds", ErrMalformed, headerTimeout, clip(v, 100))
	}
	return time.Duration(ns), true, nil
}

// escapeValue writes an attribute as a header's value: what is not a visible
// ASCII character, and quotes and percents, as %XX of its bytes (the HTTP binding
// of CloudEvents 1.0, section 3.1.3.2, which that of NATS refers to).
func escapeValue(s string) string {
	return escape(s, func(s string, i int) bool { return s[i] > ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '%' })
}

func unescapeValue(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escape writes the bytes that keep does not keep as %XX.
func escape(s string, keep func(s string, i int) bool) string {
	kept := 0
	for kept < len(s) && keep(s, kept) {
		kept++
	}
	if kept == len(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if keep(s, i) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// clip is s, shortened to at most n bytes of whole characters: for errors about
// what came from elsewhere.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
