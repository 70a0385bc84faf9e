// Package health watches streams, and requests, while they run: how fast they are
// and were, whether they stall, fail, drop items or take up memory. It tells
// whoever asks ([Monitor.Snapshot], [Monitor.Handler]) and whoever wants to be told
// ([Reporter]), and it closes the loop: every [Config].Interval a [Policy] may slow
// a producer, change a queue or a sample, or end a stream that has stalled so that
// a retry resumes it.
//
//	monitor := health.New(health.RealTime())
//	m, err := mediator.New(mediator.Use(monitor), …)
//	http.Handle("/", monitor.Handler()) // /livez /readyz /healthz
//
// # Where it stands
//
// Around a handler the Monitor stands outside of what retries, so that a stream
// that goes on after a failure is one stream, and an interrupted one can be resumed,
// and outside of a queue, such as backpressure, if its items should be those that
// the consumer gets. It knows the queues of a stream wherever they stand.
//
// # What it costs
//
// A stream item costs a call, an addition and a load: no lock, and no atomic write
// but for each 256th item of a fast stream, see [Stream].Items. One timer serves all
// streams, and one goroutine looks at them when it fires, so between the looks
// there is none. Without streams and calls there are no looks. Each [Reporter] has a
// goroutine of its own while it is called.
//
// # What makes a status
//
//	finding            is                                       makes a stream
//	[Stalled]          no item for Config.Stall                 unhealthy
//	                   while a queue holds some                 a warning
//	[LowThroughput]    a rate below Config.MinRate              a warning
//	[Degradation]      a rate far below the usual one           a warning
//	[HighMemory]       the process grew by Config.MaxGrowth     a warning
//	[HighErrorRate]    errors from Config.MaxErrorRate on       unhealthy
//	[Exhaustion]       a queue under pressure for a Window      a warning
//	                   or drops from Config.MaxDropRate on      a warning
//	[Failure]          it ended by an error                     failed
//
// The worst of them is its status at once. To improve, it must be found better by
// [Config].Recovery looks in a row. Streams that are unhealthy make their message
// unhealthy, and the process, if they are [Config].MaxUnhealthy of those that run, half
// of them by default, and otherwise a warning.
//
// # What is no error
//
// A consumer that leaves is a success. What else ends in one of these ways counts
// neither as an error nor as a success, as a breaker of package behaviors has it:
//
//   - The caller cancels ([Totals].Canceled).
//   - The business answers, by [behaviors.Business] or [behaviors.ErrInvalid]
//     ([Totals].Declined): what was called works and says no. A panic with such an
//     error is a panic.
//   - A guard turns the call away: [behaviors.ErrOpen], [behaviors.ErrLimited],
//     [behaviors.ErrFull], [behaviors.ErrMemory], or [behaviors.ErrRefused], which is that
//     of a guard of your own ([Totals].Rejected). It may stand around the handler, or
//     around what the handler called: a handler that can do nothing while the breaker of its
//     dependency is open stays healthy. A process that sheds load does what it should,
//     and fewer processes would not help; an open breaker is a warning of its own, see
//     [Source]. Calls that hang until their time limit, and so fill a bulkhead, are errors.
//
// So many answers neither hide failures nor look like some. What is left out of the
// share of errors is left out of [Totals].Rate.
//
// [behaviors.Business]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#Business
// [behaviors.ErrInvalid]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#ErrInvalid
// [behaviors.ErrOpen]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#ErrOpen
// [behaviors.ErrLimited]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#ErrLimited
// [behaviors.ErrFull]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#ErrFull
// [behaviors.ErrMemory]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#ErrMemory
// [behaviors.ErrRefused]: https://pkg.go.dev/github.com/fsmediator/mediator/behaviors#ErrRefused
package health
