package behaviors

// These behaviors use their Call only until they return, only on the goroutine they
// were called on, and let panics through, see [mediator.CallScoper]. Those that hand
// it to functions of others, use it from another goroutine or fork it do not promise
// that. Recover is a [mediator.CallConfiner] alone: what a panic left running has to end
// with it.

// ScopedCall implements [mediator.CallScoper].
func (*fallback[R]) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper].
func (*validation) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper]. A stream's handler has the Call look at
// its message by [ResumeFrom], on whatever goroutine it runs; if it asks when the
// Retry has returned, nobody is left who heeds what it says.
func (*retry) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper]: it is false with a Key, which is
// given the Call.
func (b *Breaker) ScopedCall() bool { return b.c.Key == nil }

// ScopedCall implements [mediator.CallScoper].
func (*bulkhead) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper].
func (*rateLimit) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper].
func (*timeout) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper].
func (*memoryGuard) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper].
func (*Recorder) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper]. Functions of others are given the
// bodies, not the Call.
func (*logging) ScopedCall() bool { return true }

// ScopedCall implements [mediator.CallScoper].
func (*slow) ScopedCall() bool { return true }
