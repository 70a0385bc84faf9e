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
// # Durable events
//
// With [Durable], publishing an event returns once JetStream has stored it, and each
// group of its subscribers gets it at least once:
//
//	m, err := mediator.New(
//		natsmediator.Durable[Paid](node),
//		mediator.Subscribe(stock.Reserve, mediator.Group("stock")),
//		mediator.Subscribe(mail.Confirm, mediator.Group("mail")),
//	)
//	err = mediator.Publish(ctx, m, Paid{Order: "4711"})
//
// The events of one name and version are one stream of JetStream, on the subjects
// <namespace>.evt.<name>.v<major>.<partition>. The first process that starts makes it;
// options of later ones change it where they are given, but for the number of
// [Partitions], which has to be the same. Events are kept for the time of [Retention],
// whether they are handled or not.
//
// A group is one durable consumer of JetStream. Processes in which a group has the
// same name share it: each event is handled by one of them. Names count in the whole
// [Namespace]; [ForService] sets a service's apart. Give each subscriber its
// mediator.Group: by default it is named after its function, and would be another group
// once that is renamed. A function literal is numbered by its place in the code, and one
// that is added above it takes over its group: New warns of such a name in the node's
// [Logger]. A group that is new gets all that is stored, see [FromNow], and one that is
// no longer wired keeps its place until somebody deletes its consumer.
//
// Events of a type that is [Keyed] keep the order of their key; then there is one
// consumer a partition, with one event at a time, and an event that fails holds up its
// partition until it has become a dead letter. Other events come in about the order
// they were stored.
//
// An event whose handler fails is delivered again after a [Backoff], [Attempts] times
// in all, by default for 10 to 14 minutes: what handlers depend on may be away for so
// long. Deliveries of which nothing was heard, since a process died, count. Then, or
// at once if it cannot be decoded or its error is an answer of the business (see
// behaviors.Business; [GiveUpIf] takes the place of that), it is put into the
// [DeadLetters], and only when it is there is it taken from the group. If the letter
// cannot be stored, that is tried again for as long as it takes, and the handler is not:
// but for another process that gets the event meanwhile, or this one after it has started
// again, which do not know why it failed, and try once more. An event that came to
// no end in ten deliveries more than that, as when processes die from it, is a dead letter
// too, and so is one that the server itself gave up on: its advisory is stored with the
// events.
//
// The letter has the group, so that deadletter.Redrive gives it to that one alone, and
// the event's headers: where the mediator has the event's Durable, the handler gets the
// event's ID and what the [Propagator] put into it as at first. Others need [Redriven].
// What is not stored as JSON needs deadletter.Codecs.
//
// Trying again and keeping letters is done here, then. A deadletter.Behavior around the
// subscribers would make another letter of each attempt, and a behaviors.Retry several
// attempts of each: New warns of both in the node's [Logger], once an event. Have them
// stand around other handlers alone, by mediator.Use or behaviors.When; or let a Retry
// do all of the trying, with Attempts(1).
//
// The server is told every third of [AckWait] that what a process holds is in progress.
// One whose AckWait makes that shorter tells the others ahead of it, on the subject
// <namespace>.ackwait.v1.<stream>, so that they tell the server as often.
// A handler that runs when its process loses the connection for longer than AckWait may
// run elsewhere at the same time: [EventFrom] gives it the event's ID to tell. A handler
// that hangs holds its event: behaviors.Timeout is against that. At most 10,000 events
// of a group are in hand or wait for another attempt; as long as there are so many, no
// others are delivered to it.
//
// With [Outbox], Publish returns once the event is synced in a file of this process:
// many publishers share one sync, and it goes on while no server is there. A relay sends
// on what is in the file, in order, as atomic batches where the server knows them, and
// again what it did not see acknowledged; the IDs suppress what had arrived, within
// [DedupWindow]. Only events that were in the file when the process ended, and stay
// there, are late: until a process opens that file again. An event that the server
// refuses for good, since it takes no messages of that size any more, becomes a dead
// letter in the outbox's own file, which is a deadletter.Store, without a group: nobody
// has had it. Whatever else the server refuses holds up those behind it.
//
// [Check] is for a health monitor: connection, a real write, lag, outboxes, letters.
//
// # Errors
//
// What a handler elsewhere returns arrives as a [*RemoteError], for which
// errors.Is works with the sentinels of this library and with those that
// [ErrorCode] gives a code.
package natsmediator
