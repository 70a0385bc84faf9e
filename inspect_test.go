package mediator_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

func cancelling(context.Context, cancelOrder) error            { return nil }
func counted(context.Context, count, chan<- int) error         { return nil }
func onCreated(context.Context, created) error                 { return nil }
func onEvent(context.Context, event) error                     { return nil }
func pointed(context.Context, *get[bool]) (bool, error)        { return false, nil }
func keepCreated(context.Context, created) error               { return nil }
func onNothing(context.Context, string) error                  { return nil }
func genericGet[K any](_ context.Context, q get[K]) (K, error) { return q.Key, errBoom }

func TestInspectShowsEverythingThatIsWired(t *testing.T) {
	a, b := picky{"a"}, picky{"b"}
	m := newMediator(t, mediator.OnWarning(func(string) {}), mediator.Use(a),
		mediator.Subscribe(onOrder, mediator.Named("order"), mediator.Group("second")),
		mediator.Subscribe(onOrder, mediator.Group("first"), mediator.Use(b)),
		mediator.Subscribe(onEvent),
		mediator.HandleStreamChan(counted, mediator.Named("z.count"), mediator.Capacity(1)),
		mediator.Handle(orders{}.Place, mediator.Use(b)),
		mediator.HandleCommand(cancelling, mediator.Named("cancel")),
		mediator.Handle(pointed, mediator.Named("flag")),
		mediator.Handle(genericGet[int], mediator.Named("number")),
		mediator.Subscribe(onCreated, mediator.Group("g"), mediator.Named("created")),
		mediator.Relay(keepCreated, mediator.Use(b)))
	outer, both := []mediator.Behavior{a}, []mediator.Behavior{a, b}
	typ := reflect.TypeFor[created]
	want := []mediator.Route{
		{Kind: mediator.KindRequest, Name: "cancel", Handler: "mediator_test.cancelling", Message: reflect.TypeFor[cancelOrder](), Gives: reflect.TypeFor[mediator.None](), Behaviors: outer},
		{Kind: mediator.KindRequest, Name: "flag", Handler: "mediator_test.pointed", Message: reflect.TypeFor[*get[bool]](), Gives: reflect.TypeFor[bool](), Behaviors: outer},
		{Kind: mediator.KindRequest, Name: "mediator_test.placeOrder", Handler: "mediator_test.orders.Place", Message: reflect.TypeFor[placeOrder](), Gives: reflect.TypeFor[order](), Behaviors: both},
		{Kind: mediator.KindRequest, Name: "number", Handler: "mediator_test.genericGet", Message: reflect.TypeFor[get[int]](), Gives: reflect.TypeFor[int](), Behaviors: outer},
		{Kind: mediator.KindNotification, Name: "created", Handler: "mediator_test.keepCreated", Message: typ(), Relay: true, Behaviors: both},
		{Kind: mediator.KindNotification, Name: "created", Group: "g", Handler: "mediator_test.onCreated", Message: typ(), Behaviors: outer},
		{Kind: mediator.KindNotification, Name: "mediator_test.event", Group: "mediator_test.onEvent", Handler: "mediator_test.onEvent", Message: reflect.TypeFor[event](), Behaviors: outer},
		{Kind: mediator.KindNotification, Name: "order", Group: "second", Handler: "mediator_test.onOrder", Message: reflect.TypeFor[order](), Behaviors: outer},
		{Kind: mediator.KindNotification, Name: "order", Group: "first", Handler: "mediator_test.onOrder", Message: reflect.TypeFor[order](), Behaviors: both},
		{Kind: mediator.KindStream, Name: "z.count", Handler: "mediator_test.counted", Message: reflect.TypeFor[count](), Gives: reflect.TypeFor[int](), Behaviors: outer},
	}
	require.Equal(t, want, m.Inspect())

	shown := m.Inspect()
	shown[0].Name, shown[0].Behaviors[0] = "changed", nil
	require.Equal(t, want, m.Inspect(), "what Inspect returns is the caller's own")

	stop, err := mediator.Listen(m, onNothing, mediator.Group("late"), mediator.Named("text"))
	require.NoError(t, err)
	late := mediator.Route{Kind: mediator.KindNotification, Name: "text", Group: "late", Handler: "mediator_test.onNothing", Message: reflect.TypeFor[string](), Behaviors: outer}
	require.Contains(t, m.Inspect(), late)
	stop()
	require.Equal(t, want, m.Inspect())
	require.NoError(t, m.Close(t.Context()))
	require.Equal(t, want, m.Inspect(), "also after Close")
}

// An iterator handler is shown by its own name, not by that of what it is
// wrapped into.
func TestInspectNamesTheUsersFunction(t *testing.T) {
	m := newMediator(t, mediator.HandleStream(counting), mediator.HandleCommand((&desk{}).Cancel))
	routes := m.Inspect()
	require.Equal(t, "mediator_test.desk.Cancel", routes[0].Handler)
	require.Equal(t, "mediator_test.counting", routes[1].Handler)
	require.Equal(t, mediator.KindStream, routes[1].Kind)
}

// A typed function is a step of the pipeline like any other.
func TestInspectShowsATypedFunctionInItsPlace(t *testing.T) {
	a, b := picky{"a"}, picky{"b"}
	m := newMediator(t, mediator.OnWarning(func(string) {}), mediator.Use(a),
		mediator.Handle(orders{}.Place, mediator.Typed(typedNoop), mediator.Use(b), mediator.Typed(orders{}.Check)))
	steps := m.Inspect()[0].Behaviors
	require.Len(t, steps, 4)
	require.Equal(t, []mediator.Behavior{a, b}, []mediator.Behavior{steps[0], steps[2]})
	require.Equal(t, "mediator_test.typedNoop", steps[1].(mediator.BehaviorNamer).BehaviorName())
	require.Equal(t, "mediator_test.orders.Check", steps[3].(mediator.BehaviorNamer).BehaviorName())
	called := false
	err := steps[1].Wrap(func(context.Context, mediator.Call) error { called = true; return errBoom })(t.Context(), mediator.Call{})
	require.ErrorIs(t, err, errBoom)
	require.True(t, called, "around something else, it does nothing")
}

func (orders) Check(ctx context.Context, q placeOrder, next func(context.Context, placeOrder) (order, error)) (order, error) {
	return next(ctx, q)
}

type desk struct{}

func (*desk) Cancel(context.Context, cancelOrder) error { return nil }

func TestADuplicateOfACommandNamesTheUsersFunctions(t *testing.T) {
	_, err := mediator.New(mediator.HandleCommand(cancelling), mediator.HandleCommand((&desk{}).Cancel))
	require.ErrorContains(t, err, "duplicate handler: the command handler mediator_test.cancelling and the command handler mediator_test.desk.Cancel")
}
