// Package mediator routes typed requests, notifications and streams to their
// handlers through one pipeline of behaviors, inside one process.
//
//	type PlaceOrder struct {
//		mediator.Returns[Order]
//		SKU string
//		Qty int
//	}
//
//	m, err := mediator.New(
//		mediator.Handle(shop.Place),
//		mediator.Subscribe(stock.Reserve, mediator.Group("stock")),
//		mediator.HandleStream(ticker.Quotes),
//	)
//	…
//	order, err := mediator.Send(ctx, m, PlaceOrder{SKU: "x", Qty: 3}) // order is an Order
//	err = mediator.Publish(ctx, m, OrderPlaced{ID: order.ID})
//	for quote, err := range mediator.Stream(ctx, m, Quotes{Symbol: "ACME"}) { … }
//
// # Messages
//
// A request names its response by embedding [Returns], a stream request its item
// by embedding [Yields]; a notification is any type. Messages may be structs,
// generic structs, or pointers to them: T and *T are two messages.
//
// # Wiring
//
// [New] takes verbs that read as the architecture: [Handle], [HandleCommand],
// [HandleStream], [HandleStreamChan], [Subscribe], and [Use] for behaviors. It
// reports all mistakes at once. A package of an application exports an [Options];
// one whose handlers send or publish gets the mediator from [Bind]. Routes do not
// change afterwards, so calls take no lock; [Listen] subscribes at run time,
// copying on write. [Mediator.Inspect] shows what is wired. [OnStart] and [OnClose]
// start and stop what takes calls from elsewhere; a [Relay] stores what is published,
// or sends it on, for [DispatchTo] to deliver.
//
// # Behaviors
//
// A [Behavior] wraps a handler: of a request, of one subscriber's part of a
// notification, or of a whole run of a stream. It is written once for all three
// kinds, by [Around] or as a type with Wrap, and composed once a handler, with
// the first given outermost and those of the mediator outside those of a handler:
//
//	timing := mediator.Around(func(ctx context.Context, c mediator.Call, next mediator.Next) error {
//		start := time.Now()
//		err := next(ctx, c)
//		slog.Info(c.Name(), "took", time.Since(start), "error", err)
//		return err
//	})
//
// The [Call] is a handle on the call in progress. It allocates nothing, and one
// that is used too late, or from two goroutines at once, gets an error and never
// another call's data.
//
// # Outcomes
//
//   - An error of a handler reaches the caller as it is; the mediator's own
//     errors, and each subscriber's, come in an [*Error].
//   - A panic in Send and Stream reaches the caller as a panic. In Publish it
//     becomes a [*PanicError], and the other subscribers run.
//   - A stream that was cut off never looks complete: it ends with an error.
//   - No goroutine outlives its call or [Mediator.Close], but for a handler of
//     [HandleStreamChan] that goes on sending after its context was cancelled.
package mediator
