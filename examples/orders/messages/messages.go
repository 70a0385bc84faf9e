// Package messages is all that the services of the shop know of each other: the
// messages they exchange and the names by which these travel. Every message can
// be encoded as JSON. Amounts are in integer cents.
package messages

import "github.com/fsmediator/mediator"

// Reason is why an order was cancelled.
type Reason string

// The reasons.
const (
	OutOfStock Reason = "out of stock"
	UnknownSKU Reason = "unknown product"
	Declined   Reason = "card declined"
	Failed     Reason = "processing failed" // a service could not do its part
)

// OrderCreated says that the order service has accepted an order.
type OrderCreated struct {
	OrderID   string `json:"order_id"`
	Customer  string `json:"customer"`
	Email     string `json:"email"`
	SKU       string `json:"sku"`
	Qty       int    `json:"qty"`
	UnitCents int64  `json:"unit_cents"`
	Card      string `json:"card"`
}

// TotalCents is what the order costs.
func (o OrderCreated) TotalCents() int64 { return int64(o.Qty) * o.UnitCents }

// InventoryReserved says that the order's goods are set aside.
type InventoryReserved struct {
	OrderID string `json:"order_id"`
}

// InventoryRejected says that the order's goods cannot be had; nothing is set
// aside.
type InventoryRejected struct {
	OrderID string `json:"order_id"`
	Reason  Reason `json:"reason"`
}

// PaymentRequested asks for the order's amount to be charged.
type PaymentRequested struct {
	OrderID string `json:"order_id"`
	Card    string `json:"card"`
	Cents   int64  `json:"cents"`
}

// PaymentProcessed says that the card was charged.
type PaymentProcessed struct {
	OrderID string `json:"order_id"`
}

// PaymentFailed says that the card was refused; nothing is charged.
type PaymentFailed struct {
	OrderID string `json:"order_id"`
	Detail  string `json:"detail"` // as the card's issuer puts it
}

// OrderCompleted says that the goods are paid for and leave the warehouse.
type OrderCompleted struct {
	Order OrderCreated `json:"order"`
}

// OrderCancelled says that the order is given up: whoever did something for it
// undoes that.
type OrderCancelled struct {
	Order  OrderCreated `json:"order"`
	Reason Reason       `json:"reason"`
}

// OrderResumed says that an order goes on which another process had begun and
// cannot finish: whoever has a part in it takes that up as it was left.
type OrderResumed struct {
	Order    OrderCreated `json:"order"`
	Reserved bool         `json:"reserved"` // the goods are set aside
	Paid     bool         `json:"paid"`     // the card was charged
	Over     bool         `json:"over"`     // it is completed or cancelled, and only the telling goes on
}

// FindOrder asks the order service whether an order is open.
type FindOrder struct {
	mediator.Returns[OrderState]
	OrderID string `json:"order_id"`
}

// OrderState is the answer to [FindOrder].
type OrderState struct {
	Open bool `json:"open"` // neither completed nor cancelled
}

// CountOrders asks the order service how far its orders are.
type CountOrders struct {
	mediator.Returns[OrderCounts]
}

// OrderCounts are taken at one moment, so Placed and Resumed are always the sum of
// Completed, Cancelled and Open.
type OrderCounts struct {
	Placed       int64            `json:"placed"`
	Resumed      int64            `json:"resumed"` // see [OrderResumed]
	Completed    int64            `json:"completed"`
	Cancelled    map[Reason]int64 `json:"cancelled"`
	Open         int64            `json:"open"`
	RevenueCents int64            `json:"revenue_cents"` // of the completed orders
}

// Compensated is the number of orders cancelled for whatever reason.
func (c OrderCounts) Compensated() (n int64) {
	for _, of := range c.Cancelled {
		n += of
	}
	return n
}

// ListStock asks the inventory service for all its products, in order of SKU.
type ListStock struct {
	mediator.Yields[StockLevel]
}

// StockLevel is the stock of one product: at the start there were the sum of
// Left, Reserved and Sold.
type StockLevel struct {
	SKU      string `json:"sku"`
	Left     int64  `json:"left"`
	Reserved int64  `json:"reserved"` // for orders that are still open
	Sold     int64  `json:"sold"`
}

// CountPayments asks the payment service for its totals.
type CountPayments struct {
	mediator.Returns[PaymentCounts]
}

// PaymentCounts are taken at one moment.
type PaymentCounts struct {
	Charged       int64 `json:"charged"` // cards
	ChargedCents  int64 `json:"charged_cents"`
	RefundedCents int64 `json:"refunded_cents"`
	Declined      int64 `json:"declined"`
	Open          int64 `json:"open"` // charged, the order not finished yet
}

// CountNotices asks the notification service for its total.
type CountNotices struct {
	mediator.Returns[NoticeCounts]
}

// NoticeCounts are the messages to customers so far.
type NoticeCounts struct {
	Sent int64 `json:"sent"`
}
