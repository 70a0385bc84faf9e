package behaviors

import (
	"errors"
	"fmt"
	"time"
)

// State is that of a breaker. They are in order: of several, the greatest is the
// worst.
type State uint8

// The states.
const (
	StateClosed   State = iota // calls go through and are counted
	StateHalfOpen              // trials go through
	StateOpen                  // no call goes through until the break is over
	StateIsolated              // no call goes through until Reset
)

// String returns "closed", "half-open", "open" or "isolated".
func (s State) String() string {
	switch s {
	case StateClosed:
		return "closed"
	case StateHalfOpen:
		return "half-open"
	case StateOpen:
		return "open"
	case StateIsolated:
		return "isolated"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// StateChange is what [BreakerConfig.OnStateChange] is told.
type StateChange struct {
	Key      string
	From, To State
	Number   uint64        // of the change, counted for each key
	Break    time.Duration // how long the breaker stays open, if To is StateOpen
	Err      error         // the error that opened the breaker; nil for a slow call, a panic, a hung trial and all other changes
}

// ErrOpen means that a breaker let no call through. The error is an [*OpenError].
var ErrOpen = errors.New("circuit breaker is open")

// OpenError is a call that a breaker did not let through. It is [ErrOpen].
type OpenError struct {
	Key   string
	State State // StateOpen, StateHalfOpen while the trials run, or StateIsolated

	after time.Duration
}

// Error names the key and the state.
func (e *OpenError) Error() string {
	if e.State == StateIsolated {
		return fmt.Sprintf("circuit breaker of %s is %v", e.Key, e.State)
	}
	return fmt.Sprintf("circuit breaker of %s is %v: come back in %v", e.Key, e.State, e.after)
}

// Unwrap returns [ErrOpen].
func (e *OpenError) Unwrap() error { return ErrOpen }

// RetryAfter tells when to come back: what was left of the break. While trials
// run, it is a tenth of a break at most. It is 0 on an isolated breaker, where
// nobody knows; see [Retryable].
func (e *OpenError) RetryAfter() time.Duration { return e.after }

// BreakerSnapshot is how one breaker of a [Breaker] is doing.
type BreakerSnapshot struct {
	Key        string
	State      State
	Since      time.Time     // when it came into this state
	RetryAfter time.Duration // what is left of the break, in StateOpen
	Changes    uint64        // of state, ever
	Reopened   int           // times in a row that trials have failed
	Rejected   uint64        // calls not let through, ever

	// What the window holds, in StateClosed; nothing if only ConsecutiveFailures
	// are counted. Slow calls are among the others. A stream that goes on is a success
	// for each tenth of the window.
	Successes, Failures, Slow int
	// ConsecutiveFailures in a row, in StateClosed.
	ConsecutiveFailures int
	// TrialsRunning and TrialsSucceeded, in StateHalfOpen.
	TrialsRunning, TrialsSucceeded int
}

// force is Isolate and Reset.
func (k *circuit) force(s State) (notify func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reopened = 0
	return k.change(k.period(s, nanos()), nil)
}

func (k *circuit) state(now int64) State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stateLocked(now)
}

func (k *circuit) stateLocked(now int64) State {
	p := k.now.Load()
	switch {
	case p.state == StateOpen && now >= p.until:
		return StateHalfOpen
	case p.state == StateHalfOpen && p.hung(now, k.c.TrialWait):
		return StateOpen
	}
	return p.state
}

func (k *circuit) snapshot() BreakerSnapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, p := nanos(), k.now.Load()
	s := BreakerSnapshot{
		Key:             k.key,
		State:           k.stateLocked(now),
		Since:           time.Now().Add(-time.Duration(now - p.since)),
		Changes:         k.changes,
		Reopened:        k.reopened,
		Rejected:        k.rejected.Load(),
		TrialsRunning:   len(p.running),
		TrialsSucceeded: p.successes,
	}
	switch {
	case p.state == StateOpen:
		s.RetryAfter = max(0, time.Duration(p.until-now))
	case p.window != nil:
		n := p.window.sum(now)
		s.Successes, s.Failures, s.Slow = n.ok, n.failed, n.slow
	}
	s.ConsecutiveFailures = int(p.row.Load())
	return s
}
