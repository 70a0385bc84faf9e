package behaviors

// scoped is part of behaviors that use their Call only until they return, only on the
// goroutine they were called on, and let panics through, see [mediator.CallScoper]; and
// that take next to no time of their own, see [mediator.ClockSharer]: what waits, or
// calls a function of others, calls Waited afterwards; whether a logger is enabled is
// taken to be a quick question.
//
// Those that hand the Call to functions of others, use it from another goroutine or fork
// it are none. Recover is a [mediator.CallConfiner] alone: what a panic left running has
// to end with it. A stream's handler has the Call of its Retry look at its message by
// [ResumeFrom], on whatever goroutine it runs; if it asks when the Retry has returned,
// nobody is left who heeds what it says.
type scoped struct{}

// ScopedCall implements [mediator.CallScoper].
func (scoped) ScopedCall() bool { return true }

// SharesClock implements [mediator.ClockSharer].
func (scoped) SharesClock() bool { return true }

// ScopedCall implements [mediator.CallScoper]: it is false with a Key, which is
// given the Call.
func (b *Breaker) ScopedCall() bool { return b.c.Key == nil }

// SharesClock implements [mediator.ClockSharer].
func (b *Breaker) SharesClock() bool { return true }
