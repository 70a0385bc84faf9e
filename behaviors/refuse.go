package behaviors

import "errors"

// ErrRefused means that a guard of your own has turned a call away before its handler
// ran: a quota of a tenant, a switch for maintenance. What wraps it is a rejection for
// all who look, as [ErrLimited] is: [Rejected] for a [Recorder], no failure for a
// [Breaker] and a health.Monitor. An error of your own that wraps it may say by a method
// RetryAfter() time.Duration when to come back; a [Retry] and a redrive of dead letters
// then wait so long.
//
// A redrive needs no mark to know that a handler did not run. What is refused for good,
// because of what the message says, is an answer: see [Business].
var ErrRefused = errors.New("refused")
