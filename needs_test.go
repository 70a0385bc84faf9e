package mediator_test

import (
	"context"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/stretchr/testify/require"
)

// ordered is a notification that has the request in it.
type ordered struct {
	placeOrder
	ID string
}

func TestNeeds(t *testing.T) {
	ctx := context.Background()
	handlesOrder := mediator.Handle(place1)
	hearsOrder := mediator.Subscribe(onOrder)
	cases := map[string]struct {
		needs mediator.Option
		wired mediator.Option
		want  string // "" if it is met
	}{
		"request":                     {mediator.Needs[placeOrder](), handlesOrder, ""},
		"stream":                      {mediator.Needs[count](), mediator.HandleStream(counting), ""},
		"notification":                {mediator.Needs[order](), hearsOrder, ""},
		"notification by interface":   {mediator.Needs[created](), mediator.Subscribe(func(context.Context, event) error { return nil }), ""},
		"notification to an audit":    {mediator.Needs[order](), mediator.Subscribe(func(context.Context, any) error { return nil }), "register one with Subscribe in New"},
		"notification by relay":       {mediator.Needs[order](), mediator.Relay(onOrder), ""},
		"needed twice":                {mediator.Options(mediator.Needs[placeOrder](), mediator.Needs[placeOrder]()), handlesOrder, ""},
		"notification with a request": {mediator.Needs[ordered](), mediator.Options(handlesOrder, mediator.Subscribe(func(context.Context, ordered) error { return nil })), ""},
		"nobody hears it":             {mediator.Needs[ordered](), handlesOrder, "one for mediator_test.placeOrder exists, which it embeds: send that"},
		"a request is only published": {mediator.Needs[placeOrder](), mediator.Subscribe(func(context.Context, placeOrder) error { return nil }), "register one with Handle in New"},
		"no handler":                  {mediator.Needs[placeOrder](), hearsOrder, "Needs[mediator_test.placeOrder]: no handler for mediator_test.placeOrder: register one with Handle in New"},
		"no command handler":          {mediator.Needs[cancelOrder](), hearsOrder, "register one with HandleCommand in New"},
		"no stream handler":           {mediator.Needs[count](), hearsOrder, "register one with HandleStream in New"},
		"no subscriber":               {mediator.Needs[order](), handlesOrder, "Needs[mediator_test.order]: no handler for mediator_test.order: register one with Subscribe in New"},
		"a request is not published":  {mediator.Needs[placeOrder](), mediator.Subscribe(func(context.Context, any) error { return nil }), "register one with Handle in New"},
		"the handler takes a value":   {mediator.Needs[*placeOrder](), handlesOrder, "one for mediator_test.placeOrder exists: send a value"},
		"the subscriber takes values": {mediator.Needs[*order](), hearsOrder, "one to mediator_test.order exists: publish a value"},
		"an interface":                {mediator.Needs[event](), hearsOrder, "it is an interface: name the type that is sent"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, opts := range [][]mediator.Option{{tc.needs, tc.wired}, {tc.wired, tc.needs}} {
				m, err := mediator.New(opts...)
				if tc.want == "" {
					require.NoError(t, err)
					require.NoError(t, m.Close(ctx))
					continue
				}
				require.ErrorContains(t, err, tc.want)
				if name != "an interface" {
					require.ErrorIs(t, err, mediator.ErrNoHandler)
				}
			}
		})
	}
}

func TestNeedsTellsEverythingAtOnce(t *testing.T) {
	_, err := mediator.New(mediator.Needs[placeOrder](), mediator.Needs[order](), mediator.Needs[count]())
	require.ErrorContains(t, err, "Needs[mediator_test.placeOrder]")
	require.ErrorContains(t, err, "Needs[mediator_test.order]")
	require.ErrorContains(t, err, "Needs[mediator_test.count]")
}
