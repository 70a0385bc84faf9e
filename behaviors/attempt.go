package behaviors

import "context"

type attemptKey struct{}

// Attempt returns the number of the attempt that ctx belongs to: 1 for the first,
// and where no [Retry] is around, 2 for the first retry. It is for handlers and
// for behaviors inside the Retry. Calls that a handler makes with its context are
// part of its attempt and see the same number, until a Retry of their own tries
// again.
func Attempt(ctx context.Context) int {
	n, ok := ctx.Value(attemptKey{}).(int)
	if !ok {
		return 1
	}
	return n
}

// withAttempt is called for retries alone: a first attempt keeps its context, so
// that it costs nothing.
func withAttempt(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, attemptKey{}, n)
}
