package messages_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/examples/orders/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func valid() messages.PlaceOrder {
	return messages.PlaceOrder{
		Customer: "Zoë", Email: "zoe@example.com", SKU: "CUP-BLUE", Qty: 2, UnitCents: 1250, Card: "visa-4242",
	}
}

// What a service gets over a wire is what another one sent.
func TestMessagesSurviveJSON(t *testing.T) {
	order := messages.OrderCreated{
		OrderID: "o1", Customer: "Zoë", Email: "zoe@example.com", SKU: "CUP-BLUE", Qty: 2, UnitCents: 1250, Card: "visa-4242",
	}
	for _, message := range []any{
		valid(),
		messages.Receipt{OrderID: "o1"},
		order,
		messages.InventoryReserved{OrderID: "o1"},
		messages.InventoryRejected{OrderID: "o1", Reason: messages.OutOfStock},
		messages.PaymentRequested{OrderID: "o1", Card: "visa-4242", Cents: 2500},
		messages.PaymentProcessed{OrderID: "o1"},
		messages.PaymentFailed{OrderID: "o1", Detail: "expired card"},
		messages.OrderCompleted{Order: order},
		messages.OrderCancelled{Order: order, Reason: messages.Declined},
		messages.OrderResumed{Order: order, Reserved: true, Paid: true, Over: true},
		messages.FindOrder{OrderID: "o1"},
		messages.OrderState{Open: true},
		messages.CountOrders{},
		messages.OrderCounts{Placed: 3, Resumed: 4, Completed: 1, Cancelled: map[messages.Reason]int64{messages.Declined: 1}, Open: 1, RevenueCents: 5},
		messages.ListStock{},
		messages.StockLevel{SKU: "CUP-BLUE", Left: 1, Reserved: 2, Sold: 3},
		messages.CountPayments{},
		messages.PaymentCounts{Charged: 1, ChargedCents: 2, RefundedCents: 3, Declined: 4, Open: 5},
		messages.CountNotices{},
		messages.NoticeCounts{Sent: 1},
	} {
		wire, err := json.Marshal(message)
		require.NoError(t, err)
		received := reflect.New(reflect.TypeOf(message))
		require.NoError(t, json.Unmarshal(wire, received.Interface()))
		require.Equal(t, message, received.Elem().Interface(), "%s", wire)
	}
}

func TestTotals(t *testing.T) {
	require.EqualValues(t, 2500, messages.OrderCreated{Qty: 2, UnitCents: 1250}.TotalCents())
	most := messages.OrderCreated{Qty: messages.MaxQty, UnitCents: messages.MaxUnitCents}
	require.Equal(t, int64(1_000_000_000_000), most.TotalCents())
	counts := messages.OrderCounts{Cancelled: map[messages.Reason]int64{messages.Declined: 2, messages.OutOfStock: 3}}
	require.EqualValues(t, 5, counts.Compensated())
}

func TestValidate(t *testing.T) {
	require.NoError(t, valid().Validate())
	for want, spoil := range map[string]func(*messages.PlaceOrder){
		"customer is missing":              func(p *messages.PlaceOrder) { p.Customer = " " },
		"email is missing":                 func(p *messages.PlaceOrder) { p.Email = "" },
		"sku contains a control character": func(p *messages.PlaceOrder) { p.SKU = "CUP\x1b[2J" },
		"card is longer than 200 bytes":    func(p *messages.PlaceOrder) { p.Card = strings.Repeat("4", 201) },
		"qty is 0, must be 1 to 10000":     func(p *messages.PlaceOrder) { p.Qty = 0 },
		"qty is -1, must be 1 to 10000":    func(p *messages.PlaceOrder) { p.Qty = -1 },
		"qty is 10001, must be 1 to 10000": func(p *messages.PlaceOrder) { p.Qty = 10001 },
		"unit_cents is 0, must be":         func(p *messages.PlaceOrder) { p.UnitCents = 0 },
		"unit_cents is 100000001":          func(p *messages.PlaceOrder) { p.UnitCents = 100_000_001 },
		"sku is missing, qty is 0":         func(p *messages.PlaceOrder) { p.SKU, p.Qty = "", 0 },
	} {
		p := valid()
		spoil(&p)
		err := p.Validate()
		require.ErrorIs(t, err, messages.ErrInvalid)
		require.ErrorContains(t, err, want)
	}
}
