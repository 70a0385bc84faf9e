package behaviors

import "time"

// RetryConservative retries twice, after half a second each, within 10s. Like the
// other presets it has no MaxDelay: for an open breaker it waits a second at most,
// see [Retry].
func RetryConservative() RetryConfig {
	return RetryConfig{Retries: 2, Delay: 500 * time.Millisecond, Backoff: Fixed, MaxTotal: 10 * time.Second}
}

// RetryAggressive retries five times within two minutes, with waits that grow
// from 200ms and are jittered. For an open breaker it waits a second at most; give
// it a MaxDelay where nobody waits for the call.
func RetryAggressive() RetryConfig {
	return RetryConfig{Retries: 5, Delay: 200 * time.Millisecond, Backoff: FullJitter, MaxTotal: 2 * time.Minute}
}

// RetryDatabase retries timeouts, lost connections and deadlocks alone, see
// [DatabaseError]: three times, after 1s, 2s and 4s, within 30s.
func RetryDatabase() RetryConfig {
	return RetryConfig{Retries: 3, Delay: time.Second, Backoff: Exponential, MaxTotal: 30 * time.Second, RetryIf: DatabaseError}
}

// RetryHTTP retries errors of the network and the statuses 502 and 503 alone, see
// [HTTPError]: four times within 45s, with waits that grow from 750ms and are
// jittered.
func RetryHTTP() RetryConfig {
	return RetryConfig{Retries: 4, Delay: 750 * time.Millisecond, Backoff: FullJitter, MaxTotal: 45 * time.Second, RetryIf: HTTPError}
}
