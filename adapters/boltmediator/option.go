package boltmediator

import (
	"fmt"
	"time"

	"github.com/fsmediator/mediator/deadletter"
)

// Option is about one [Open].
type Option func(c *config)

type config struct {
	keep        deadletter.Retention
	lockTimeout time.Duration
	readOnly    bool
}

// Retain sets how many letters are kept. What is zero in r is not limited: what is durable
// is dropped only if that is asked for. Open drops what is too much, too. It
// panics if a limit is negative.
func Retain(r deadletter.Retention) Option {
	r.Check()
	return func(c *config) { c.keep = r }
}

// LockTimeout sets how long Open waits for another process to close the file.
// Default: 1s. It panics if d is not positive.
func LockTimeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("boltmediator: LockTimeout(%v): it has to be positive", d))
	}
	return func(c *config) { c.lockTimeout = d }
}

// ReadOnly opens a file that exists to be read, by any number of processes at the
// same time. Put and Delete return [ErrReadOnly].
func ReadOnly() Option { return func(c *config) { c.readOnly = true } }
