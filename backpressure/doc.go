// Package backpressure decides what becomes of the items of a stream whose consumer
// is slower than its handler.
//
// A stream runs on the consumer's goroutine: a slow consumer simply holds up its
// handler. [New] makes a boundary. What stands inside of it, the handler last, runs
// on a goroutine of its own, and a bounded queue lies between the two. What happens
// when that fills is the [Strategy]:
//
//	strategy    under pressure                                     when full
//	Buffer      nothing                                            the producer waits
//	Block       the producer waits until the pressure has ended    (does not fill)
//	DropNewest  what arrives is dropped                            the same
//	DropOldest  the oldest is dropped for each that arrives        the same
//	Latest      what is queued is dropped for what arrives         the same
//	Fail        the stream ends with ErrOverflow                   the same
//	Sample      1 in n is kept                                     the producer waits
//	Throttle    the producer is slowed down                        the producer waits
//
// Pressure begins when the depth of the queue, the number of items in it, reaches
// High×Capacity, and ends when it has fallen to Low×Capacity. It is looked at when
// an item arrives, before that is queued.
//
// # What holds for all strategies
//
// Items keep their order and their type; none is boxed, and none allocates. At every
// moment, of a run and of all together,
//
//	produced = delivered + dropped + sampled out + abandoned + queued
//
// where abandoned is what a consumer left behind that stopped, was cancelled or
// panicked; nothing else is lost that the strategy does not say it drops. An item
// that was counted as anything but queued is not delivered any more. When the
// handler fails or panics, its consumer gets what is queued first, and then the
// error, once. When the consumer leaves, the handler's context is cancelled, a
// producer that waits returns, and the loop ends when the handler has.
//
// # Where it stands
//
// Next to the consumer, outside of the other behaviors: then a Retry inside of it
// repeats what failed while the consumer still works on what is queued, and knows
// exactly what it has passed on. Outside of a boundary, a behavior sees what is
// delivered; inside, what is produced. Two boundaries around one handler are two
// queues, each with its own counts.
//
// A Retry outside of a boundary that leaves items out knows what was delivered, and not
// which items these were: what it repeats may come twice and out of order. New warns of
// that, and of a Control that stands around a handler twice, see [Control.CheckWiring].
//
// # Strategies of your own
//
// [Config].Admit replaces the strategy with a function and keeps the rest. For a
// strategy with state, or a boundary that owes nothing to this package, write a
// [mediator.Behavior] on [mediator.Queue].
package backpressure
