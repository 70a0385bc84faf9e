package behaviors

// Business returns err marked as an answer of the business, such as "sold out" or
// "no credit": what is called works, and says no. It is err for errors.Is and
// errors.As, with its text, and has a method Business() bool that returns true; an
// error of one's own that has the method needs no mark. It is nil if err is nil.
//
// One rule holds for such errors everywhere, and [ErrInvalid] is one of them: a
// [Retry] does not repeat them ([Retryable]), a [Breaker] does not count them
// ([OutcomeOf]), and package deadletter keeps no letter of a request or a stream
// that ended with one, for its caller has the answer. A panic with one is a panic.
// Of joined errors one is enough, as for errors.As, so a failure that is to be seen
// must not be joined with an answer.
func Business(err error) error {
	if err == nil {
		return nil
	}
	return &businessError{err}
}

type businessError struct{ err error }

func (e *businessError) Error() string { return e.err.Error() }
func (e *businessError) Unwrap() error { return e.err }
func (*businessError) Business() bool  { return true }
