package behaviors

import (
	"fmt"
	"iter"
)

// Health gives each breaker's key, and an error if it is not closed: one that is
// [ErrOpen] where it turns calls away. It makes a Breaker a Source of package
// health: a Monitor around the same handlers finds it, and warns.
func (b *Breaker) Health() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, s := range b.Snapshot() {
			var err error
			switch s.State {
			case StateClosed:
			case StateHalfOpen:
				err = fmt.Errorf("circuit breaker is %v", s.State)
			default:
				err = fmt.Errorf("%w: %v", ErrOpen, s.State)
			}
			if !yield(s.Key, err) {
				return
			}
		}
	}
}
