//nolint:revive // The methods are the lines of one table, and a comment stands for all of them.
package messages

// What EventID returns tells an event from all others of its type: each happens to
// an order once. So one that is published again, since nobody knows whether that
// had succeeded, can be told to be the same.

func (e OrderCreated) EventID() string      { return e.OrderID }
func (e OrderCompleted) EventID() string    { return e.Order.OrderID }
func (e OrderCancelled) EventID() string    { return e.Order.OrderID }
func (e InventoryReserved) EventID() string { return e.OrderID }
func (e InventoryRejected) EventID() string { return e.OrderID }
func (e PaymentRequested) EventID() string  { return e.OrderID }
func (e PaymentProcessed) EventID() string  { return e.OrderID }
func (e PaymentFailed) EventID() string     { return e.OrderID }
