package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsmediator/mediator/deadletter"
)

// lettersView is how many dead letters there are.
type lettersView struct {
	Count int    `json:"count"`
	Error string `json:"error,omitempty"`
}

const (
	countLimit = 2 * time.Second
	// patience is how long a sample waits for a count: a store that answers at once
	// is in the sample that asks it, and one that does not delays nothing.
	patience = 20 * time.Millisecond
	// lastCount is how long the last page that closes waits for a count: one that
	// minds its context ends at once.
	lastCount = time.Second
)

// letterCount counts the letters as often as that is cheap. It is used by one
// goroutine.
type letterCount struct {
	wanted  time.Time    // since when a count is due that has not ended; zero if none is
	running chan counted // nil if no count is in progress; has room for its result
	latest  *lettersView // nil before the first result
	due     time.Time    // when the letters are to be counted next
}

// counted is what a count came to.
type counted struct {
	view    lettersView
	problem string
	took    time.Duration
}

var errUnanswered = errors.New("the store does not answer")

// countLetters shows how many there are, as far as that is known.
func (s *sampler) countLetters(ctx context.Context, out *sample) {
	if s.store == nil {
		return
	}
	c := &s.letters
	if c.running == nil && !time.Now().Before(c.due) {
		if c.wanted.IsZero() {
			c.wanted = time.Now()
		}
		if s.counting.CompareAndSwap(false, true) {
			c.running = make(chan counted, 1)
			go s.count(ctx, c.running)
			select {
			case result := <-c.running:
				s.counted(result)
			case <-time.After(patience):
			}
		}
	}
	if c.running != nil {
		select {
		case result := <-c.running:
			s.counted(result)
		default:
		}
	}
	if !c.wanted.IsZero() && time.Since(c.wanted) > countLimit+time.Second {
		c.latest = &lettersView{Error: errUnanswered.Error()}
	}
	out.Letters = c.latest
}

func (s *sampler) counted(result counted) {
	s.letters = letterCount{latest: &result.view, due: time.Now().Add(pause(result.took))}
	if result.problem != "" {
		s.problem[result.problem] = struct{}{}
	}
}

// wait waits for a count in progress, but not for one that goes on whatever its context
// says: that ends by itself, and until then there is no other.
func (c *letterCount) wait() {
	if c.running == nil {
		return
	}
	limit := time.NewTimer(lastCount)
	defer limit.Stop()
	select {
	case <-c.running:
	case <-limit.C:
	}
}

// count gives to the number of letters, whatever the store does.
func (c *console) count(ctx context.Context, to chan<- counted) {
	began := time.Now()
	result := counted{view: lettersView{Error: "the store panicked"}}
	defer func() {
		result.took = time.Since(began)
		c.counting.Store(false)
		to <- result
	}()
	defer func() {
		if v := recover(); v != nil {
			result.problem = fmt.Sprintf("the store of dead letters panicked: %v", v)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, countLimit)
	defer cancel()
	n, err := c.store.Count(ctx, deadletter.Filter{})
	if result.view = (lettersView{Count: n}); err != nil {
		result.view = lettersView{Error: err.Error()}
	}
}
