// Package behaviors has the behaviors that most applications put around their
// handlers. Each of them is a [mediator.Behavior] and stands around requests,
// notifications and streams alike; where one kind is treated differently, its
// documentation says so.
//
// # Order
//
// The first behavior given to [mediator.Use] is the outermost. [Standard],
// [StreamingResilience] and [StreamingPlatinum] return them in an order that
// works; who puts their own together keeps to this one:
//
//	Log, Recorder    see what the caller sees
//	dead letters     keep what failed for good
//	Fallback         answers for what failed for good
//	Recover          so that all of those see a panic as an error
//	Slow             takes the time that the caller waits
//	Coalesce         before anything is spent on a request that another one answers
//	Validate         before anything is spent on a message that is wrong
//	MemoryGuard,
//	RateLimit,
//	Bulkhead         once for a call, not again for each retry
//	Retry            repeats everything inside of it
//	CircuitBreaker   counts each attempt, and refuses the next when it is open
//	Hedge            two at once are one attempt
//	Timeout          for each attempt, so that the breaker learns of those that hang
//	                 and a retry finds time left
//
// Put a Timeout outside of Retry as well to bound the call as a whole, or set
// [RetryConfig.MaxTotal]. Backpressure of a stream stands next to the consumer: only
// Log, Recorder and dead letters are outside of it, to see what the consumer gets of
// what the handler gave.
//
// # Known to be wrong
//
// [mediator.New] warns of these; see [mediator.OnWarning]:
//
//   - Retry around Retry: attempts multiply. By default an outer Retry does not
//     repeat what an inner one gave up on ([Retryable]).
//   - CircuitBreaker around a Retry: all attempts of a call count as one, and they go
//     on when the breaker opens.
//   - Retry or CircuitBreaker around a Fallback: the outer one never sees a failure.
//   - Hedge around Retry: each of the two is retried by itself.
//   - Dead letters inside Retry: each failed attempt leaves a letter, although a
//     later one succeeds.
//   - Recover inside Bulkhead alone: a panic in what stands outside of the Recover is
//     not recovered. None here is harmed by a panic: permits are freed and trials
//     are settled.
//   - Bulkhead around a Retry around a RateLimitBy: calls over the limit of one key wait
//     for their next attempt in places that those of other keys need.
//   - Timeout around a Coalesce with none inside: the time limit is that of the callers,
//     not of the run. One that hangs fails those that have joined it; who comes after the
//     first of their deadlines has another.
//   - The same Recorder, or a Log to the same logger, twice around a handler: calls
//     are counted or logged twice.
//
// Of these it cannot, or cannot tell whether they are meant:
//
//   - Retry around a behavior that replaces errors without wrapping them: RetryIf
//     does not know them any more. All behaviors here pass the cause on to
//     errors.Is and errors.As.
//   - What a handler has of its own together with what [Except] or a [When] puts
//     around it: whether both are ever around one call.
//   - Bulkhead around handlers that send each other's messages, without
//     [BulkheadConfig.PerHandler]: one call needs two places, and waits for itself.
//   - RateLimit or Bulkhead around subscribers: an event that has happened cannot
//     come later, so one that is refused is lost, or a dead letter.
//   - RateLimit around requests that handlers send: it refuses what is half done.
//   - CircuitBreaker around several subscribers of one event without
//     [BreakerConfig.PerHandler]: one that fails opens it for all of them.
//   - Dead letters around requests that send requests: each leaves a letter, and a
//     redrive of all of them does the innermost more than once.
//   - Retry around a Bulkhead with a queue, or around a RateLimit that waits: the
//     attempts of one call queue up again and again.
//   - Timeout outside of Retry alone: the first attempt that hangs takes all the
//     time there is.
//   - Behaviors that drop items of a stream inside of a Retry: the handler cannot
//     resume after items that it does not know were dropped, see [StreamMode].
//   - Hedge or Retry around handlers that must not run twice, such as one that
//     charges a card without an idempotency key.
package behaviors
