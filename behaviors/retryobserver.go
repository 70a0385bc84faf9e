package behaviors

import "context"

type retryObserverKey struct{}

// ObserveRetries returns a context under which f is told of each retry of a
// [Retry], as the function of [RetryConfig.OnRetry] is, after it and with the same
// arguments. It is for a behavior outside of the Retry, such as one that traces,
// that wants to know of retries without being wired to them:
//
//	return next(behaviors.ObserveRetries(ctx, f), c)
//
// Calls that a handler makes with its context are inside, too, and so are their
// retries: [RetryEvent] names the message. Of nested observers the nearest alone is
// told. f is called on the goroutine of the call that is retried, concurrently if
// there are several. A call that is not retried costs nothing more; ObserveRetries
// itself allocates its context. It panics if f is nil.
func ObserveRetries(ctx context.Context, f func(ctx context.Context, r RetryEvent)) context.Context {
	if f == nil {
		panic("behaviors: ObserveRetries: the function is nil")
	}
	return context.WithValue(ctx, retryObserverKey{}, f)
}

// retryObserver is the nearest observer, nil if there is none.
func retryObserver(ctx context.Context) func(context.Context, RetryEvent) {
	f, _ := ctx.Value(retryObserverKey{}).(func(context.Context, RetryEvent))
	return f
}
