package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
)

// Option wires a mediator; see [New]. Options are of different types by where
// they belong, so that one in the wrong place does not compile.
type Option interface {
	apply(w *wiring)
}

// HandlerOption is about one handler or subscriber.
type HandlerOption interface {
	applyHandler(s *spec)
}

// SharedOption is an [Option] and a [HandlerOption].
type SharedOption interface {
	Option
	HandlerOption
}

// PublishOption is about one [Publish].
type PublishOption interface {
	applyPublish(c *publishing)
}

// SharedPublish is an [Option], the default of a mediator, and a [PublishOption].
type SharedPublish interface {
	Option
	PublishOption
}

// SharedCapacity is a [StreamOption] and a [HandlerOption].
type SharedCapacity interface {
	StreamOption
	HandlerOption
}

// StreamOption is about one [StreamChan].
type StreamOption interface {
	applyStream(c *streaming)
}

// spec is what the options of a handler say.
type spec struct {
	layers   []any // Behavior or typedLayer, outermost first
	name     string
	group    string
	capacity capacity
	set      map[string]bool // options that may be given once
	errs     []error
}

func newSpec(opts []HandlerOption) *spec {
	s := &spec{set: map[string]bool{}}
	for i, o := range opts {
		if o == nil {
			s.errs = append(s.errs, fmt.Errorf("a nil HandlerOption: number %d of %d", i+1, len(opts)))
			continue
		}
		o.applyHandler(s)
	}
	return s
}

// copied returns a copy to change: one Option may serve two mediators.
func (s *spec) copied() *spec {
	own := *s
	return &own
}

// within puts behaviors outside of the layers.
func (s *spec) within(bs []Behavior) {
	s.layers = around(bs, s)
}

func (s *spec) once(option string) {
	if s.set[option] {
		s.errs = append(s.errs, fmt.Errorf("%s is given twice", option))
	}
	s.set[option] = true
}

// refuse is the error of options that make no sense on what.
func (s *spec) refuse(what string, options ...string) error {
	for _, o := range options {
		if s.set[o] {
			return fmt.Errorf("%s makes no sense on %s", o, what)
		}
	}
	return nil
}

type optionFunc func(w *wiring)

func (f optionFunc) apply(w *wiring) { f(w) }

type handlerOptionFunc func(s *spec)

func (f handlerOptionFunc) applyHandler(s *spec) { f(s) }

// Options makes one Option of several, in their order. It is what a module of an
// application exports. A [Use] among them is one of the mediator, around the handlers
// of all modules; in [Scope] it is the module's own.
func Options(opts ...Option) Option {
	return optionFunc(func(w *wiring) { w.applyAll(opts) })
}

// Scope is [Options] whose behaviors stay among themselves: [Use] stands around the
// handlers, subscribers and relays of the same Scope alone, inside of the mediator's
// behaviors and outside of the handler's. Scopes may be nested. A [PublishWrapper] in
// one is a behavior like others.
//
//	func Module(db *sql.DB) mediator.Option {
//		return mediator.Scope(
//			mediator.Use(transaction(db)),
//			mediator.Handle(place),
//			mediator.Subscribe(onPaid),
//		)
//	}
func Scope(opts ...Option) Option {
	return optionFunc(func(w *wiring) {
		outside := w.behaviors
		handlers, subscribers, relays := len(w.handlers), len(w.subscribers), len(w.relays)
		w.behaviors = nil
		w.applyAll(opts)
		for _, r := range w.handlers[handlers:] {
			r.settings().within(w.behaviors)
		}
		for _, s := range slices.Concat(w.subscribers[subscribers:], w.relays[relays:]) {
			s.settings().within(w.behaviors)
		}
		w.behaviors = outside
	})
}

// Bind makes an Option of a function that gets the mediator while New wires it:
// for handlers that send and publish themselves. The mediator must not be used
// before New has returned, but for the functions of [OnStart].
//
//	func Module() mediator.Option {
//		return mediator.Bind(func(m *mediator.Mediator) mediator.Option {
//			s := &service{m: m}
//			return mediator.Options(mediator.Handle(s.Place), mediator.Subscribe(s.OnPaid))
//		})
//	}
func Bind(f func(m *Mediator) Option) Option {
	return optionFunc(func(w *wiring) {
		if f == nil {
			w.fail("Bind", errors.New("the function is nil"))
			return
		}
		w.applyAll([]Option{f(w.mediator)})
	})
}

// Use puts behaviors around handlers, the first given outermost: around every
// handler, subscriber, stream and [Relay] as an Option, whichever module it is given
// by, or around those of its [Scope]; around one as a HandlerOption. Those of the
// mediator stand outside those of a Scope, and these outside those of a handler.
func Use(bs ...Behavior) SharedOption { return use(bs) }

type use []Behavior

func (u use) apply(w *wiring) {
	u.each(func(b Behavior) { w.behaviors = append(w.behaviors, b) }, &w.errs)
}

func (u use) applyHandler(s *spec) {
	u.each(func(b Behavior) { s.layers = append(s.layers, b) }, &s.errs)
}

func (u use) each(f func(Behavior), errs *[]error) {
	for i, b := range u {
		if isNil(b) {
			*errs = append(*errs, fmt.Errorf("Use: behavior %d of %d is nil", i+1, len(u)))
			continue
		}
		f(b)
	}
}

// Typed puts a function around one request's handler that has its types, and
// may call next with another request or change the response. It stands among the
// handler's behaviors in the order given. Its next is a plain function: each call of
// it is one of its own, so it may be called at once by several goroutines, and also
// after the function has returned.
func Typed[Q Request[R], R any](b func(ctx context.Context, q Q, next func(context.Context, Q) (R, error)) (R, error)) HandlerOption {
	return handlerOptionFunc(func(s *spec) {
		if b == nil {
			s.errs = append(s.errs, errors.New("Typed with a nil function"))
			return
		}
		s.layers = append(s.layers, typedLayer{around: b, message: reflect.TypeFor[Q]()})
	})
}

type typedLayer struct {
	around  any
	message reflect.Type
}

// Named gives the message its stable name, for logs, metrics, dead letters,
// [Dispatch] and the wire. It is the name of the message, so one type has one
// name and one name stands for one type. Default: what the message says as a
// [MessageNamer], otherwise "pkg.Type", without the asterisk of a pointer.
func Named(name string) HandlerOption {
	return handlerOptionFunc(func(s *spec) {
		s.once("Named")
		if name == "" {
			s.errs = append(s.errs, errors.New("Named with an empty name"))
		}
		s.name = name
	})
}

// Group gives a subscriber its stable name among the subscribers of a message.
// Default: its function's name, "pkg.Func" or "pkg.Type.Method"; a number follows
// where that is taken. Give one to what is stored for a subscriber, as dead letters
// and durable events are: a number changes with the order of the options, and the
// name of a function literal with the compiler.
func Group(name string) HandlerOption {
	return handlerOptionFunc(func(s *spec) {
		s.once("Group")
		if name == "" {
			s.errs = append(s.errs, errors.New("Group with an empty name"))
		}
		s.group = name
	})
}

// Capacity is the number of items that a channel of a stream can hold: that of
// [ChanStream] as a StreamOption, that of [HandleStreamChan] as a HandlerOption.
// Default: 0, no item is produced ahead of its receiver. It panics if n is negative.
func Capacity(n int) SharedCapacity {
	if n < 0 {
		panic(fmt.Sprintf("mediator: Capacity(%d): a channel cannot hold a negative number of items", n))
	}
	return capacity(n)
}

type capacity int

func (n capacity) applyStream(c *streaming) { c.capacity = n }

func (n capacity) applyHandler(s *spec) {
	s.once("Capacity")
	s.capacity = n
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Func, reflect.Pointer, reflect.Map, reflect.Chan, reflect.Slice:
		return r.IsNil()
	}
	return false
}

// MessageNamer is implemented by a message that brings its stable name along, so
// that it is the same wherever the message is handled or only published. The
// method may be that of the type or of a pointer to it, and is called on a zero value;
// one that panics there, or has no name to give, counts as absent.
type MessageNamer interface {
	MessageName() string
}

// messageName is the default name of a message's type.
func messageName(t reflect.Type) (name string) {
	defer func() {
		if recover() != nil || name == "" {
			name = strings.TrimLeft(t.String(), "*")
		}
	}()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n, ok := reflect.TypeAssert[MessageNamer](reflect.New(t)); ok {
		return n.MessageName()
	}
	return ""
}

// funcName is the default group of a subscriber: "orders.Stock.Reserve" of
// "example.org/shop/orders.(*Stock).Reserve-fm".
func funcName(f any) string {
	if isNil(f) {
		return "nil"
	}
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	if generic := strings.IndexByte(name, '['); generic >= 0 {
		name = name[:generic] + strings.TrimPrefix(name[strings.LastIndexByte(name, ']'):], "]")
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.TrimSuffix(name, "-fm")
	return strings.NewReplacer("(*", "", ")", "").Replace(name)
}
