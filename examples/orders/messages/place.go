package messages

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/fsmediator/mediator"
)

// PlaceOrder asks for Qty pieces of a product at UnitCents each. The order
// service answers as soon as the order is on its way; how it ends is told by
// [OrderCompleted] or [OrderCancelled].
//
// Who may ask twice, for want of an answer, gives the order an ID: it is placed once,
// and if that fails it waits until it is asked for again. Otherwise the service gives
// it one, and cancels it if it fails.
type PlaceOrder struct {
	mediator.Returns[Receipt]

	OrderID   string `json:"order_id,omitempty"`
	Customer  string `json:"customer"`
	Email     string `json:"email"`
	SKU       string `json:"sku"`
	Qty       int    `json:"qty"`
	UnitCents int64  `json:"unit_cents"`
	Card      string `json:"card"` // a token of the payment provider, not a number
}

// Receipt is the answer to [PlaceOrder].
type Receipt struct {
	OrderID string `json:"order_id"`
}

// Limits of an order. They keep every total far below what an int64 holds.
const (
	MaxQty       = 10_000
	MaxUnitCents = 100_000_000
	MaxText      = 200 // bytes of each text
)

// ErrInvalid is wrapped by the errors of [PlaceOrder.Validate].
var ErrInvalid = errors.New("invalid order")

// Validate returns nil if the order can be placed, otherwise an error that is
// [ErrInvalid] and names every field that is wrong.
func (p PlaceOrder) Validate() error {
	var wrong []string
	for _, text := range []struct{ field, value string }{
		{"order_id", p.OrderID}, {"customer", p.Customer}, {"email", p.Email}, {"sku", p.SKU}, {"card", p.Card},
	} {
		switch {
		case text.field == "order_id" && text.value == "":
		case strings.TrimSpace(text.value) == "":
			wrong = append(wrong, text.field+" is missing")
		case len(text.value) > MaxText:
			wrong = append(wrong, fmt.Sprintf("%s is longer than %d bytes", text.field, MaxText))
		case strings.ContainsFunc(text.value, unicode.IsControl):
			wrong = append(wrong, text.field+" contains a control character")
		}
	}
	if p.Qty < 1 || p.Qty > MaxQty {
		wrong = append(wrong, fmt.Sprintf("qty is %d, must be 1 to %d", p.Qty, MaxQty))
	}
	if p.UnitCents < 1 || p.UnitCents > MaxUnitCents {
		wrong = append(wrong, fmt.Sprintf("unit_cents is %d, must be 1 to %d", p.UnitCents, MaxUnitCents))
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrInvalid, strings.Join(wrong, ", "))
}
