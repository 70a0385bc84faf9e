// Package otelmediator shows a mediator in OpenTelemetry: a [mediator.Behavior]
// that makes a span of each call and measures it. It needs the API alone; the SDK,
// its exporters and its sampling are the program's.
//
//	mediator.New(
//		mediator.Use(otelmediator.Behavior()),
//		mediator.Handle(orders.Place),
//		…)
//
// # Spans
//
//	send NAME       a request; internal, or server if the caller is remote
//	process NAME    one subscriber's handling of a notification; consumer
//	publish NAME    a publish, until all subscribers or the queue or the relay have it; producer
//	stream NAME     a run of a stream; internal, or server if the caller is remote
//
// A publish has a span where [mediator.Use] gives the [Behavior] to the mediator,
// whether somebody is subscribed or not; otherwise [PublisherFor] makes it. With
// [mediator.Background] it ends when the notification is in the queue. What
// [mediator.DispatchTo] gives to one group, as a redrive and durable delivery do, is
// no publish.
//
// They have the attributes of the messaging conventions: messaging.system is
// "fsmediator", messaging.destination.name the message's name,
// messaging.consumer.group.name the subscriber's group, messaging.operation.name
// and messaging.operation.type as above. Of our own they have
//
//	fsmediator.ending           how it ended, as behaviors.Ending says it
//	fsmediator.answer           the text of an answer of the business, if it is "declined" by one
//	fsmediator.attempt          if it is a retry: 2 for the first
//	fsmediator.tries            how often it was tried, if that is what its error says
//	fsmediator.stream.items     items delivered to the consumer
//
// and as events, where slow is seen if the function of this package is told, see
// [OnSlow]:
//
//	exception                     the error or the panic, with its stack
//	fsmediator.first_item         of a stream
//	fsmediator.stall              of a stream, see Stall
//	fsmediator.breaker.rejected   a breaker did not let the call through
//	fsmediator.retry              a Retry inside begins another attempt, see OnRetry
//	fsmediator.slow               behaviors.Slow has found the call slow
//
// An error is recorded, and makes the status Error, unless it is the caller's own
// cancellation or an answer of the business (behaviors.Business): those leave the
// status Unset, for nothing went wrong, and have no error.type. Of a publish with
// several subscribers every error has to be one of these: what one answers, or that it
// saw the cancellation, does not hide that another has failed. A stream whose consumer
// leaves it is no error. A panic is recorded and goes on. An error that panics when it
// is asked for its text or its type, as a nil pointer may, is recorded without.
//
// # What caused what
//
// A call is the child of the span in its context, a subscriber's of that of the
// publish. A subscriber's span is linked to that of the publish, too, because it may be
// handled when that has long ended: in the background, after a restart, again and again;
// so is that of each attempt, see [SpansOnly]. With [Roots] the link is all there is, and
// every subscriber begins a trace of its own. Background keeps the values of the
// publisher's context, so nothing else is needed for it. Where no span of the publish is
// known, the link is to the span in the subscriber's context, remote or not: that of
// whatever publishes without one, or delivers by [mediator.DispatchTo]. A redrive has
// no publisher, unless its context brings a remote one, as that of a durable event does.
//
// A dead letter keeps the trace headers of the call that failed, see
// [LetterHeaders]; its redrive is linked to that, see [LetterCause]. Between
// processes [Propagator] carries the trace and the baggage.
//
// # Metrics
//
//	messaging.process.duration            s       histogram of requests, subscribers, streams
//	messaging.client.operation.duration   s       histogram of publishes
//	fsmediator.calls.active               {call}  up-down counter of calls in progress
//	fsmediator.stream.items               {item}  counter of items delivered
//	fsmediator.stream.first_item.duration s       histogram of the time to a stream's first item
//	fsmediator.breaker.changes            {change} counter, see StateChanges
//	fsmediator.behavior.events            {event} counter, see Observe
//	fsmediator.behavior.state             1       gauge, see Observe
//
// The durations have fsmediator.ending and, of what failed, error.type, see
// [ErrorType]. How many names, and how many types of errors a name, have figures
// of their own is bounded; what is beyond shares "_OTHER".
//
// # Cost
//
// With providers that do nothing, as those of the API's packages noop, a call costs
// less than 200 ns and one allocation, for the context that holds the span; with
// none set, those of package otel make it three. A publish is such a call, too, beside
// those of its subscribers. Where metrics are collected, sets of attributes are made
// once and used again: a measurement allocates nothing; that of a publish, a context.
package otelmediator
