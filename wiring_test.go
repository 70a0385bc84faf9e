package mediator_test

import (
	"context"
	html "html/template"
	"iter"
	"strings"
	"testing"
	text "text/template"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

type event interface{ Event() }

func place1(context.Context, placeOrder) (order, error) { return order{}, nil }
func onOrder(context.Context, order) error              { return nil }

func TestNewReportsEveryMistakeAtOnce(t *testing.T) {
	type ping struct{ mediator.Returns[int] }
	type pong struct{ mediator.Returns[int] }
	type both struct{ mediator.Returns[int] }
	nilWrap := mediator.BehaviorFunc(func(mediator.Next) mediator.Next { return nil })
	cases := map[string]struct {
		opt  mediator.Option
		want string
	}{
		"two handlers":              {mediator.Options(mediator.Handle(place1), mediator.Handle(orders{}.Place)), "mediator_test.placeOrder: duplicate handler: the request handler mediator_test.place1, which gives mediator_test.order and the request handler mediator_test.orders.Place, which"},
		"nil handler":               {mediator.Handle[ping](nil), "handler of mediator_test.ping: the handler is nil"},
		"nil command handler":       {mediator.HandleCommand[cancelOrder](nil), "handler of mediator_test.cancelOrder: the handler is nil"},
		"nil stream handler":        {mediator.HandleStream[count](nil), "handler of mediator_test.count: the handler is nil"},
		"nil channel handler":       {mediator.HandleStreamChan[count](nil), "handler of mediator_test.count: the handler is nil"},
		"nil subscriber":            {mediator.Subscribe[order](nil), "subscriber of mediator_test.order: the handler is nil"},
		"nil option":                {nil, "a nil Option"},
		"nil handler option":        {mediator.Handle(place1, nil), "a nil HandlerOption"},
		"nil behavior":              {mediator.Use(noop, nil), "Use: behavior 2 of 2 is nil"},
		"nil function as behavior":  {mediator.Use(mediator.Around(nil)), "Use: behavior 1 of 1 is nil"},
		"nil behavior of a handler": {mediator.Handle(place1, mediator.Use(nil)), "Use: behavior 1 of 1 is nil"},
		"Wrap returns nil":          {mediator.Handle(place1, mediator.Use(nilWrap)), "Wrap returned nil"},
		"Wrap returns nil, stream":  {mediator.HandleStream(counting, mediator.Use(nilWrap)), "Wrap returned nil"},
		"Wrap returns nil, event":   {mediator.Subscribe(onOrder, mediator.Use(nilWrap)), "Wrap returned nil"},
		"nil Typed":                 {mediator.Handle(place1, mediator.Typed[placeOrder](nil)), "Typed with a nil function"},
		"Typed of another message": {mediator.Handle(place1, mediator.Typed(func(ctx context.Context, q ping, next func(context.Context, ping) (int, error)) (int, error) {
			return next(ctx, q)
		})), "a Typed behavior for mediator_test.ping stands around the handler of mediator_test.placeOrder"},
		"Typed around a subscriber": {mediator.Subscribe(onOrder, mediator.Typed(typedNoop)), "Typed is for requests, use Around"},
		"Typed around a stream":     {mediator.HandleStream(counting, mediator.Typed(typedNoop)), "Typed is for requests, use Around"},
		"two messages of a name": {mediator.Options(
			mediator.Handle(func(context.Context, ping) (int, error) { return 0, nil }, mediator.Named("x")),
			mediator.Handle(func(context.Context, pong) (int, error) { return 0, nil }, mediator.Named("x"))),
			`are both named "x": give one of them another name with Named`},
		"name of a default name": {mediator.Options(
			mediator.Handle(func(context.Context, ping) (int, error) { return 0, nil }, mediator.Named("mediator_test.pong")),
			mediator.Handle(func(context.Context, pong) (int, error) { return 0, nil })),
			`are both named "mediator_test.pong"`},
		"a value and a pointer": {mediator.Options(
			mediator.Handle(func(context.Context, ping) (int, error) { return 0, nil }),
			mediator.Handle(func(context.Context, *ping) (int, error) { return 0, nil })),
			`mediator_test.ping and *mediator_test.ping are both named "mediator_test.ping"`},
		"two names of a message": {mediator.Options(
			mediator.Subscribe(onOrder, mediator.Named("a")), mediator.Subscribe(onOrder, mediator.Named("b"))),
			`mediator_test.order is Named "a" and "b": a message has one name`},
		"name given twice":        {mediator.Handle(place1, mediator.Named("a"), mediator.Named("b")), "Named is given twice"},
		"empty name":              {mediator.Handle(place1, mediator.Named("")), "Named with an empty name"},
		"empty group":             {mediator.Subscribe(onOrder, mediator.Group("")), "Group with an empty name"},
		"name of an interface":    {mediator.Subscribe(func(context.Context, event) error { return nil }, mediator.Named("e")), "name the types that implement it"},
		"group of a handler":      {mediator.Handle(place1, mediator.Group("g")), "Group makes no sense on a request's handler"},
		"group of a stream":       {mediator.HandleStream(counting, mediator.Group("g")), "Group makes no sense on a stream's handler"},
		"capacity of a handler":   {mediator.Handle(place1, mediator.Capacity(1)), "Capacity makes no sense on a request's handler"},
		"capacity of an iterator": {mediator.HandleStream(counting, mediator.Capacity(1)), "Capacity makes no sense on HandleStream"},
		"capacity of a listener":  {mediator.Subscribe(onOrder, mediator.Capacity(1)), "Capacity makes no sense on a subscriber"},
		"group taken": {mediator.Options(mediator.Subscribe(onOrder, mediator.Group("g")), mediator.Subscribe(onOrder, mediator.Group("g"))),
			`Group "g" is taken by another subscriber that receives mediator_test.order`},
		"handler of an interface": {mediator.Handle(func(context.Context, mediator.Request[order]) (order, error) { return order{}, nil }), "is an interface: register a handler for each type"},
		"stream of an interface": {mediator.HandleStream(func(context.Context, mediator.StreamRequest[int]) iter.Seq2[int, error] { return nil }),
			"is an interface: register a handler for each type"},
		"both orders":      {mediator.Options(mediator.Sequential(), mediator.Parallel(2)), "Sequential or Parallel is given twice"},
		"queue twice":      {mediator.Options(mediator.BackgroundQueue(1, 1), mediator.BackgroundQueue(2, 1)), "BackgroundQueue is given twice"},
		"queue of nothing": {mediator.BackgroundQueue(0, 1), "BackgroundQueue(0, 1): both must be at least 1"},
		"nil Bind":         {mediator.Bind(nil), "Bind: the function is nil"},
		"Bind to nothing":  {mediator.Bind(func(*mediator.Mediator) mediator.Option { return nil }), "a nil Option"},
		"nil hook":         {mediator.OnError(nil), "OnError: the function is nil"},
		"hook twice": {mediator.Options(mediator.OnError(func(context.Context, error) {}), mediator.OnError(func(context.Context, error) {})),
			"OnError is given twice"},
		"too deep": {mediator.Handle(func(context.Context, both) (int, error) { return 0, nil }, mediator.Use(noops(300)...)), "300 behaviors around one handler"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := mediator.New(c.opt)
			require.Nil(t, m)
			require.ErrorContains(t, err, c.want)
			var e *mediator.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "new", e.Op)
		})
	}
	_, err := mediator.New(
		cases["two handlers"].opt, cases["nil option"].opt, cases["Wrap returns nil, stream"].opt, cases["nil command handler"].opt,
		cases["hook twice"].opt, cases["group taken"].opt, mediator.Subscribe(onOrder, mediator.Named("a"), mediator.Named("b")))
	require.ErrorIs(t, err, mediator.ErrDuplicateHandler)
	for _, want := range []string{"the handler is nil", "a nil Option", "Wrap returned nil", "Named is given twice", "OnError is given twice", "is taken by"} {
		require.ErrorContains(t, err, want)
	}
}

func typedNoop(ctx context.Context, q placeOrder, next func(context.Context, placeOrder) (order, error)) (order, error) {
	return next(ctx, q)
}

func TestADuplicateHidesNoOtherMistake(t *testing.T) {
	_, err := mediator.New(mediator.Handle(place1), mediator.Handle(orders{}.Place, mediator.Named(""), mediator.Group("g")),
		mediator.HandleStream[count](nil, mediator.Capacity(1), mediator.Group("g"), mediator.Typed(typedNoop)))
	require.ErrorIs(t, err, mediator.ErrDuplicateHandler)
	for _, want := range []string{"Named with an empty name", "Group makes no sense on a request's", "Group makes no sense on a stream's", "the handler is nil", "Typed is for requests"} {
		require.ErrorContains(t, err, want)
	}
}

type typedOf struct{ mediator.Returns[int] }

func typedPing(ctx context.Context, q typedOf, next func(context.Context, typedOf) (int, error)) (int, error) {
	return next(ctx, q)
}

func nilWrap(mediator.Next) mediator.Next { return nil }

// No mistake hides another, and each line of the error can be read by itself.
func TestEveryMistakeSaysWhereItIs(t *testing.T) {
	_, err := mediator.New(nil,
		mediator.Handle(place1, nil, mediator.Named(""), mediator.Group("g"), mediator.Use(mediator.BehaviorFunc(nilWrap), mediator.BehaviorFunc(nilWrap)),
			mediator.Typed(typedPing), mediator.Use(mediator.BehaviorFunc(nilWrap))),
		mediator.Subscribe(onOrder, mediator.Group(""), mediator.Use(noop, nil), mediator.Typed(typedNoop)),
		mediator.Subscribe[created](nil, mediator.Named(""), mediator.Typed(typedNoop)),
		mediator.HandleStream(counting, mediator.Use(mediator.BehaviorFunc(nilWrap)), mediator.Typed(typedNoop)),
		mediator.Relay(onOrder, mediator.Group(""), mediator.Typed(typedNoop), mediator.Use(mediator.BehaviorFunc(nilWrap))))
	require.EqualError(t, err, "mediator: new: "+strings.Join([]string{
		"a nil Option: number 1 of 6",
		"handler of mediator_test.placeOrder: a nil HandlerOption: number 1 of 6",
		"handler of mediator_test.placeOrder: Named with an empty name",
		"handler of mediator_test.placeOrder: Group makes no sense on a request's handler",
		"handler of mediator_test.placeOrder: behavior mediator.BehaviorFunc: Wrap returned nil",
		"handler of mediator_test.placeOrder: a Typed behavior for mediator_test.typedOf stands around the handler of mediator_test.placeOrder",
		"handler of mediator_test.placeOrder: behavior mediator.BehaviorFunc: Wrap returned nil",
		"handler of mediator_test.placeOrder: behavior mediator.BehaviorFunc: Wrap returned nil",
		"handler of mediator_test.count: a Typed behavior for mediator_test.placeOrder stands around a stream: Typed is for requests, use Around",
		"handler of mediator_test.count: behavior mediator.BehaviorFunc: Wrap returned nil",
		"relay of mediator_test.order: Group with an empty name",
		"relay of mediator_test.order: Group makes no sense on a relay",
		"relay of mediator_test.order: a Typed behavior for mediator_test.placeOrder stands around a relay: Typed is for requests, use Around",
		"relay of mediator_test.order: behavior mediator.BehaviorFunc: Wrap returned nil",
		"subscriber of mediator_test.order: Group with an empty name",
		"subscriber of mediator_test.order: Use: behavior 2 of 2 is nil",
		"subscriber of mediator_test.order: a Typed behavior for mediator_test.placeOrder stands around a subscriber: Typed is for requests, use Around",
		"subscriber of mediator_test.created: Named with an empty name",
		"subscriber of mediator_test.created: the handler is nil",
		"subscriber of mediator_test.created: a Typed behavior for mediator_test.placeOrder stands around a subscriber: Typed is for requests, use Around",
	}, "\n\t"))
}

func TestAGroupThatTwoSubscribersOfAMessageWouldShare(t *testing.T) {
	onAny := func(context.Context, any) error { return nil }
	_, err := mediator.New(mediator.Subscribe(onOrder, mediator.Group("g")), mediator.Subscribe(onAny, mediator.Group("g")))
	require.ErrorContains(t, err, `Group "g" is taken by another subscriber that receives interface {}`)
	_, err = mediator.New(mediator.Subscribe(onAny, mediator.Group("g")), mediator.Subscribe(onOrder, mediator.Group("g")))
	require.ErrorContains(t, err, `Group "g" is taken by another subscriber that receives mediator_test.order`)
	_, err = mediator.New(mediator.Subscribe(generic[any]), mediator.Subscribe(generic[order]))
	require.NoError(t, err, "default groups make room")
}

func TestWhatBindGivesCannotBeUsedYet(t *testing.T) {
	const want = "what Bind gives can be used once New calls the functions of OnStart"
	var started error
	newMediator(t, mediator.Handle(place1), mediator.HandleStream(counting), mediator.Subscribe(onOrder),
		mediator.Bind(func(m *mediator.Mediator) mediator.Option {
			_, err := mediator.Send(t.Context(), m, placeOrder{})
			require.ErrorIs(t, err, mediator.ErrNoHandler)
			require.ErrorContains(t, err, want)
			for _, err := range mediator.Stream(t.Context(), m, count{N: 3}) {
				require.ErrorContains(t, err, want)
			}
			require.ErrorContains(t, mediator.Publish(t.Context(), m, order{}), want, "it would reach nobody")
			require.ErrorContains(t, mediator.Publish[any](t.Context(), m, order{}), want)
			_, err = mediator.Dispatch(t.Context(), m, "mediator_test.placeOrder", func(any) error { return nil })
			require.ErrorIs(t, err, mediator.ErrNoHandler)
			require.ErrorContains(t, err, want)
			stop, err := mediator.Listen(m, onOrder)
			require.ErrorContains(t, err, want)
			stop()
			return mediator.Options()
		}),
		mediator.OnStart(func(m *mediator.Mediator) error {
			_, started = mediator.Send(t.Context(), m, placeOrder{})
			return nil
		}))
	require.NoError(t, started)
}

// restock asks for itself again, by the mediator it is wired in.
func TestBindGivesHandlersTheMediator(t *testing.T) {
	shop := mediator.Bind(func(m *mediator.Mediator) mediator.Option {
		publish := mediator.PublisherFor[created](m)
		return mediator.Options(
			mediator.Handle(func(ctx context.Context, q placeOrder) (order, error) {
				return order{ID: q.SKU}, publish(ctx, created{ID: q.SKU})
			}),
			mediator.Subscribe(func(_ context.Context, c created) error { return errBoom }))
	})
	for range 2 {
		m := newMediator(t, shop)
		o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
		require.ErrorIs(t, err, errBoom)
		require.Equal(t, "x", o.ID)
	}
}

type paid struct{ mediator.Command }

func (*paid) MessageName() string { return "payment.paid" }

type named struct{}

func (named) MessageName() string { return "named.by-itself" }

func TestAMessageMayBringItsName(t *testing.T) {
	var names []string
	look := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		names = append(names, c.Name())
		return next(ctx, c)
	})
	m := newMediator(t, mediator.Use(look),
		mediator.HandleCommand(func(context.Context, *paid) error { return nil }),
		mediator.Subscribe(func(context.Context, any) error { return nil }),
		mediator.Subscribe(func(context.Context, named) error { return nil }, mediator.Named("by.the-option"), mediator.Group("g")))
	require.NoError(t, mediator.Exec(t.Context(), m, &paid{}))
	require.NoError(t, mediator.Publish(t.Context(), m, named{}))
	require.NoError(t, mediator.Publish(t.Context(), m, &named{}))
	require.Equal(t, []string{"payment.paid", "by.the-option", "by.the-option", "named.by-itself"}, names)
}

type refunded struct{ mediator.Command }

func (*refunded) MessageName() string { return "payment.refunded" }

func TestANameOfThePointerIsThatOfTheValue(t *testing.T) {
	m := newMediator(t, mediator.HandleCommand(func(context.Context, refunded) error { return nil }))
	require.Equal(t, "payment.refunded", m.Inspect()[0].Name)
}

func TestTypesOfOneNameAreToldApart(t *testing.T) {
	_, err := mediator.New(
		mediator.Subscribe(func(context.Context, *text.Template) error { return nil }),
		mediator.Subscribe(func(context.Context, *html.Template) error { return nil }))
	require.ErrorContains(t, err, `*template.Template of package "text/template" and *template.Template of package "html/template" are both named "template.Template"`)
}

// namedLater has no name yet where the mediator asks for it.
type namedLater struct{ name string }

func (n namedLater) MessageName() string { return n.name }

func TestAMessageNameThatIsEmptyOnTheZeroValueIsAbsent(t *testing.T) {
	m := newMediator(t, mediator.Subscribe(func(context.Context, namedLater) error { return errBoom }))
	require.ErrorContains(t, mediator.Publish(t.Context(), m, namedLater{name: "x"}), "publish mediator_test.namedLater to")
	_, err := mediator.Dispatch(t.Context(), m, "", func(any) error { return nil })
	require.ErrorIs(t, err, mediator.ErrNoHandler)
}

type namedByNothing struct{ *named }

func TestAMessageNameThatPanicsOnTheZeroValueIsAbsent(t *testing.T) {
	m := newMediator(t, mediator.Subscribe(func(context.Context, namedByNothing) error { return errBoom }))
	require.ErrorContains(t, mediator.Publish(t.Context(), m, namedByNothing{}), "publish mediator_test.namedByNothing to")
}

func TestNestedErrorsAreReadable(t *testing.T) {
	var m *mediator.Mediator
	m = newMediator(t,
		mediator.Subscribe(func(ctx context.Context, _ created) error { return mediator.Publish(ctx, m, order{}) }, mediator.Group("a")),
		mediator.Subscribe(func(context.Context, order) error { return errBoom }, mediator.Group("b")),
		mediator.Subscribe(func(ctx context.Context, _ order) error { return mediator.Exec(ctx, m, cancelOrder{}) }, mediator.Group("c")))
	require.EqualError(t, mediator.Publish(t.Context(), m, created{}),
		"mediator: publish mediator_test.created to a: publish mediator_test.order to b: boom\n"+
			"\tpublish mediator_test.order to c: send mediator_test.cancelOrder: no handler for mediator_test.cancelOrder: register one with HandleCommand in New")
}

func TestAnErrorWithoutACauseIsReadable(t *testing.T) {
	require.EqualError(t, &mediator.Error{Op: "send", Name: "order.place", Group: "g"}, "mediator: send order.place to g")
	require.NoError(t, (&mediator.Error{}).Unwrap())
}

func TestOneOptionMayWireTwoMediators(t *testing.T) {
	opt := mediator.Options(mediator.Handle(orders{prefix: "o-"}.Place), mediator.HandleStream(counting), mediator.Subscribe(onOrder))
	calls := 0
	counted := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
		calls++
		return next(ctx, c)
	})
	plain := newMediator(t, opt)
	observed := newMediator(t, mediator.Use(counted), opt)
	for _, m := range []*mediator.Mediator{plain, observed} {
		o, err := mediator.Send(t.Context(), m, placeOrder{SKU: "x"})
		require.NoError(t, err)
		require.Equal(t, "o-x", o.ID)
		require.NoError(t, mediator.Publish(t.Context(), m, o))
	}
	require.Equal(t, 2, calls)
}

func TestCapacityPanicsIfNegative(t *testing.T) {
	require.Panics(t, func() { mediator.Capacity(-1) })
}

func TestBehaviorsAroundAHandler(t *testing.T) {
	a, b := picky{"a"}, picky{"b"}
	m := newMediator(t, mediator.OnWarning(func(string) {}), mediator.Use(a),
		mediator.Handle(place1, mediator.Use(b), mediator.Typed(typedNoop), mediator.Named("place")),
		mediator.HandleStream(counting, mediator.Named("count")),
		mediator.Subscribe(onOrder, mediator.Use(b), mediator.Group("g"), mediator.Named("order")),
		mediator.Subscribe(func(context.Context, any) error { return nil }, mediator.Group("any")))
	require.Equal(t, []mediator.Behavior{a, b}, m.Behaviors("place", ""))
	require.Equal(t, []mediator.Behavior{a}, m.Behaviors("count", ""))
	require.Equal(t, []mediator.Behavior{a, b}, m.Behaviors("order", "g"))
	require.Equal(t, []mediator.Behavior{a}, m.Behaviors("order", "any"))
	require.Empty(t, m.Behaviors("order", "other"))
	require.Empty(t, m.Behaviors("unknown", "g"))
	require.Empty(t, m.Behaviors("unknown", ""))
}
