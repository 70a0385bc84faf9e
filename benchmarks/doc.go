// Package benchmarks sets the mediator beside what a program would use instead of it: a direct call, a
// hand-written registry, an event bus, a message router, an observable, a circuit breaker, a rate limiter, a database.
//
// The comparison lives in the package's benchmarks, the proof that it compares like with like in its tests, and
// cmd/table turns one run of the benchmarks into the table of the README.
package benchmarks
