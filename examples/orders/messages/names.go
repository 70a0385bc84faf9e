//nolint:revive // The methods are the lines of one table, and a comment stands for all of them.
package messages

// What MessageName returns is how a message travels, see [mediator.MessageNamer].
// It is part of the services' contract: a name that changes is a new message.

func (PlaceOrder) MessageName() string        { return "order.place" }
func (OrderCreated) MessageName() string      { return "order.created" }
func (OrderCompleted) MessageName() string    { return "order.completed" }
func (OrderCancelled) MessageName() string    { return "order.cancelled" }
func (OrderResumed) MessageName() string      { return "order.resumed" }
func (FindOrder) MessageName() string         { return "order.find" }
func (CountOrders) MessageName() string       { return "order.count" }
func (InventoryReserved) MessageName() string { return "inventory.reserved" }
func (InventoryRejected) MessageName() string { return "inventory.rejected" }
func (ListStock) MessageName() string         { return "inventory.list" }
func (PaymentRequested) MessageName() string  { return "payment.requested" }
func (PaymentProcessed) MessageName() string  { return "payment.processed" }
func (PaymentFailed) MessageName() string     { return "payment.failed" }
func (CountPayments) MessageName() string     { return "payment.count" }
func (CountNotices) MessageName() string      { return "notification.count" }
