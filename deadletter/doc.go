// Package deadletter keeps the messages that failed for good, and sends them
// again when what failed them is mended.
//
// [Behavior] stands around handlers, outside of retries and of fallbacks: what
// still fails there is put into a [Store] as a [Letter], and the caller gets the error as before.
// [Memory] is a Store in memory; a durable one is in adapters/boltmediator.
// [Redrive] gives letters to their handlers again:
//
//	store := deadletter.NewMemory()
//	m, err := mediator.New(
//		mediator.Use(deadletter.Behavior(store), behaviors.Retry(behaviors.RetryDatabase())),
//		mediator.Subscribe(stock.Reserve, mediator.Group("stock")),
//	)
//	…
//	report, err := deadletter.Redrive(ctx, m, store, deadletter.Filter{Group: "stock"}, deadletter.Rate(10))
package deadletter
