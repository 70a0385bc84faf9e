// Package natsmediator takes a mediator's messages across machines, on NATS. The
// handlers stay as they are; the wiring says what is elsewhere or durable.
//
//	node, err := natsmediator.Embed("data/nats")        // a server inside this process
//	node, err := natsmediator.Connect("nats://a,nats://b") // or one that is there
//	…
//	// in the process that has the handlers
//	service, err := natsmediator.Serve(ctx, m, node, "orders")
//
//	// in any other
//	m, err := mediator.New(
//		natsmediator.Remote[PlaceOrder](node, "orders"),
//		natsmediator.RemoteStream[Quotes](node, "orders"),
//	)
//	order, err := mediator.Send(ctx, m, PlaceOrder{SKU: "x", Qty: 3})
//
// What a mediator handles itself never goes through NATS.
//
// # Requests
//
// A request goes to the subject
//
//	<namespace>.req.<service>.<name>.v<major>
//
// of which each instance of the service is a member of one queue group, so that
// one of them gets it. See [Subject] for what becomes of a name. Its attributes
// travel as CloudEvents 1.0 in binary mode ("ce-id", "ce-type", …,
// "ce-datacontenttype" for the codec), W3C trace context as "traceparent" and
// "tracestate", and what is left of the caller's deadline as "Mediator-Timeout".
// An error comes back with the headers of the NATS services framework
// ("Nats-Service-Error", "Nats-Service-Error-Code"), and services answer its PING,
// INFO and STATS (ADR-32), so that the nats command finds them.
//
// # Streams
//
// A stream is asked for on <namespace>.str.<service>.<name>.v<major>. Its items
// come in numbered frames, of which only so many are on their way as the consumer
// has granted: a slow consumer slows the producer down, and nothing is dropped. A
// frame that is missing, a peer that is silent, or a connection that breaks ends
// the stream with an error, never with an end that looks complete.
//
// # Errors
//
// What a handler elsewhere returns arrives as a [*RemoteError], for which
// errors.Is works with the sentinels of this library and with those that
// [ErrorCode] gives a code.
package natsmediator
