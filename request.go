package mediator

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/fsmediator/mediator/internal/watch"
)

// None is the response of a request that has none.
type None = struct{}

// Returns makes the struct that embeds it a request, and names its response.
type Returns[R any] struct{}

func (Returns[R]) embedsReturns(R) {}
func (Returns[R]) isRequest()      {}

// Command is a request with nothing to return.
type Command = Returns[None]

// Request is what [Send] takes: a type that embeds [Returns], or a pointer to
// one. It is sealed.
type Request[R any] interface {
	embedsReturns(R)
}

// Handle registers h for the requests of type Q, which must be a struct or a
// pointer to one. h is called concurrently. Named, Use and Typed may follow.
func Handle[Q Request[R], R any](h func(context.Context, Q) (R, error), opts ...HandlerOption) Option {
	return handle(h, h, opts)
}

// handle registers h, which stands for the function given.
func handle[Q Request[R], R any](h func(context.Context, Q) (R, error), given any, opts []HandlerOption) Option {
	r := &requestRoute[Q, R]{handle: h, given: given, spec: newSpec(opts)}
	return optionFunc(func(w *wiring) { w.handlers = append(w.handlers, r.fresh()) })
}

// HandleCommand is [Handle] for a request with nothing to return.
func HandleCommand[C Request[None]](h func(context.Context, C) error, opts ...HandlerOption) Option {
	if h == nil {
		return Handle[C, None](nil, opts...)
	}
	return handle(func(ctx context.Context, c C) (None, error) { return None{}, h(ctx, c) }, h, opts)
}

// Send gives q to its handler, through the behaviors around it, on the caller's
// goroutine, and returns what they return: an error as it is, a panic as a panic.
// ctx is handed on, not looked at: an ended one is the handler's to notice.
// Without a handler the error is [ErrNoHandler], after Close it is [ErrClosed],
// and [ErrNoResponse] if a behavior answered with nothing.
//
// If Q is an interface, such as Request[Order], the handler is that of q's
// dynamic type.
func Send[Q Request[R], R any](ctx context.Context, m *Mediator, q Q) (R, error) {
	if r, ok := find[requestRoute[Q, R]](m.requests.Load()); ok {
		return r.call(ctx, q)
	}
	return sendSlow[Q, R](ctx, m, q)
}

// Exec is [Send] for a request with nothing to return.
func Exec[C Request[None]](ctx context.Context, m *Mediator, c C) error {
	_, err := Send(ctx, m, c)
	return err
}

// SenderFor returns Send for one type of request as a plain function: to inject
// it where only that request is sent, and to fake it in a test.
func SenderFor[Q Request[R], R any](m *Mediator) func(context.Context, Q) (R, error) {
	return func(ctx context.Context, q Q) (R, error) { return Send(ctx, m, q) }
}

// sendSlow is the way of what find does not find: a route that is not in its own
// slot, an interface as Q, a type without a handler, a closed mediator that still
// drains.
func sendSlow[Q Request[R], R any](ctx context.Context, m *Mediator, q Q) (r R, err error) {
	if r, ok := probe[requestRoute[Q, R]](m.requests.Load()); ok {
		return r.call(ctx, q)
	}
	t, err := dynamicType(q)
	if err != nil {
		return r, &Error{Op: "send", Name: messageName(reflect.TypeFor[Q]()), Err: err}
	}
	found, err := m.route(ctx, "send", t)
	if err != nil {
		return r, err
	}
	if typed, ok := found.(*requestRoute[Q, R]); ok {
		return typed.call(ctx, q)
	}
	v, err := m.sendTo(ctx, found, t, q)
	r, _ = v.(R)
	return r, err
}

// SendAny is [Send] of a request whose type, and its response's, is known at run time
// alone. The response is nil for a command. It allocates.
func SendAny(ctx context.Context, m *Mediator, request any) (response any, err error) {
	t, err := dynamicType(request)
	if err != nil {
		return nil, &Error{Op: "send", Err: err}
	}
	found, err := m.route(ctx, "send", t)
	if err != nil {
		return nil, err
	}
	v, err := m.sendTo(ctx, found, t, request)
	if _, none := v.(None); none {
		return nil, err
	}
	return v, err
}

// sendTo gives q, which is a t, to the route found for that.
func (m *Mediator) sendTo(ctx context.Context, found route, t reflect.Type, q any) (any, error) {
	sender, ok := found.(interface {
		sendAny(ctx context.Context, q any) (any, error)
	})
	if !ok {
		return nil, &Error{Op: "send", Name: m.names.of(t), Err: fmt.Errorf("%w: its handler is a %s: use Stream", ErrNoHandler, found.describe())}
	}
	return sender.sendAny(ctx, q)
}

// dynamicType is Q, or the type of the value in it if Q is an interface.
func dynamicType[Q any](q Q) (reflect.Type, error) {
	if t := reflect.TypeFor[Q](); t.Kind() != reflect.Interface {
		return t, nil
	}
	if t := reflect.TypeOf(q); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%w: the message is a nil interface", ErrMessageType)
}

// route is where a message goes, without its types.
type route interface {
	describe() string
	// dispatch decodes a message into a pointer to it and handles it.
	dispatch(ctx context.Context, m *Mediator, group string, decode func(target any) error) (any, error)
}

// requestRoute is the way of one type of request to its handler.
type requestRoute[Q, R any] struct {
	handler[Q, R] // with what is around it, set by build

	*spec
	handle func(context.Context, Q) (R, error)
	given  any // the function as registered: that of HandleCommand is of another type
	info   *info
	layers []any
}

// fresh returns a copy to be built, so that one Option may serve two mediators.
func (r *requestRoute[Q, R]) fresh() *requestRoute[Q, R] {
	return &requestRoute[Q, R]{spec: r.copied(), handle: r.handle, given: r.given}
}

func (r *requestRoute[Q, R]) message() reflect.Type { return reflect.TypeFor[Q]() }
func (r *requestRoute[Q, R]) settings() *spec       { return r.spec }
func (r *requestRoute[Q, R]) around() []Behavior    { return behaviorsAmong(r.layers) }

func (r *requestRoute[Q, R]) describe() string {
	return describe("request", reflect.TypeFor[R](), r.given)
}

func (r *requestRoute[Q, R]) build(w *wiring, name string) (entry, error) {
	errs := []error{refuseInterface(r.message()), r.refuse("a request's handler", "Group", "Capacity")}
	if r.handle == nil {
		errs = append(errs, errNilHandler)
	}
	r.info = &info{kind: KindRequest, name: name, typ: r.message()}
	var err error
	r.layers = w.around(r.spec, name)
	r.handler, err = assemble(r.info, r.layers, innermost(r.handle))
	errs = append(errs, err)
	return entry{hash: typeHash[*requestRoute[Q, R]](), value: r}, errors.Join(errs...)
}

func (r *requestRoute[Q, R]) sendAny(ctx context.Context, q any) (any, error) {
	return r.call(ctx, q.(Q))
}

func (r *requestRoute[Q, R]) dispatch(ctx context.Context, _ *Mediator, _ string, decode func(target any) error) (any, error) {
	q, err := decodeMessage[Q](decode)
	if err != nil {
		return nil, err
	}
	response, err := r.begin(ctx, q)
	if _, none := any(response).(None); none {
		return nil, err
	}
	return response, err
}

// begin is call where the call may be watched.
func (r *requestRoute[Q, R]) begin(ctx context.Context, q Q) (R, error) {
	ctx, w := watch.Take(ctx, uint8(KindRequest), r.info.name, "")
	if w == nil {
		return r.call(ctx, q)
	}
	defer w.Done()
	return r.watched(ctx, q, w)
}

// assemble puts the layers around h. Neighbouring behaviors make one pipeline;
// a typed layer is a plain function around what is inside it.
func assemble[Q, R any](i *info, layers []any, h handler[Q, R]) (handler[Q, R], error) {
	var errs []error
	for end := len(layers); end > 0; {
		if typed, ok := layers[end-1].(typedLayer); ok {
			wrap, ok := typed.around.(func(context.Context, Q, func(context.Context, Q) (R, error)) (R, error))
			end--
			if !ok {
				errs = append(errs, fmt.Errorf("a Typed behavior for %v stands around the handler of %v", typed.message, i.typ))
				continue
			}
			h = h.typed(wrap)
			continue
		}
		var bs []Behavior
		for ; end > 0; end-- {
			b, ok := layers[end-1].(Behavior)
			if !ok {
				break
			}
			bs = append([]Behavior{b}, bs...)
		}
		confined := confines(bs)
		c, err := compose(bs, terminalOf(h, confined), confined)
		errs = append(errs, err)
		p := newPipeline[Q, R](c, i)
		h = handler[Q, R]{p.call, p.watched}
	}
	return h, errors.Join(errs...)
}
