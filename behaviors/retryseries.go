package behaviors

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/ending"
	"github.com/fsmediator/mediator/internal/wrapped"
)

// maxEarlier bounds what an error remembers of a call that is retried for days.
const maxEarlier = 100

// series is the attempts of one call that has failed, or of one stream.
type series struct {
	*retry
	budget *Budget
	ctx    context.Context
	call   mediator.Call
	begun  int64 // see nanos; set if there is a MaxTotal

	attempts int           // ended
	retries  int           // since the begin or, on a stream, since there was a new item
	earned   bool          // the stream has delivered, so that the budget is not asked
	waited   time.Duration // before the latest retry
	earlier  []error
}

// follow decides what follows an attempt that has failed with err; barred is why
// there must be no other, or nil. It waits, and returns the context of the next
// attempt, or returns the error of the call.
func (s *series) follow(err, barred error) (context.Context, error) {
	s.attempts++
	retriable := s.RetryIf(err)
	if ended := s.ctx.Err(); ended != nil && (retriable || wrapped.Is(err, ended)) {
		if end := ending.Of(s.ctx); s.attempts > 1 || !says(err, end) {
			return nil, s.giveUp(err, end)
		}
		return nil, err
	}
	waitsOut := s.waitsOut && isTurnedAway(err)
	if !retriable || s.retries == s.Retries && !waitsOut {
		return nil, s.giveUp(err, nil)
	}
	if barred != nil {
		if s.attempts == 1 {
			return nil, err
		}
		return nil, s.giveUp(err, barred)
	}
	wait, longest := s.wait(err)
	if stopped := s.tooLong(wait, longest); stopped != nil {
		return nil, s.giveUp(err, stopped)
	}
	begun := false
	if !s.earned && !waitsOut {
		giveBack, ok := s.budget.take()
		if !ok {
			return nil, s.giveUp(err, ErrRetryBudget)
		}
		defer func() {
			if !begun {
				giveBack()
			}
		}()
	}
	failed := nanos()
	s.sleep(wait)
	if stopped := s.ended(); stopped != nil {
		return nil, s.giveUp(err, stopped)
	}
	ctx := withAttempt(s.ctx, s.attempts+1)
	if observe := retryObserver(s.ctx); s.OnRetry != nil || observe != nil {
		e := RetryEvent{
			Name: s.call.Name(), Handler: s.call.Handler(),
			Attempt: s.attempts + 1, Waited: time.Duration(nanos() - failed), Err: err,
		}
		if s.OnRetry != nil {
			s.OnRetry(ctx, e)
		}
		if observe != nil {
			observe(ctx, e)
		}
		if stopped := s.ended(); stopped != nil {
			return nil, s.giveUp(err, stopped)
		}
	}
	begun = true
	if !waitsOut {
		s.retries++
	}
	s.retried.Add(s.call.Name())
	if len(s.earlier) == maxEarlier {
		s.earlier = slices.Delete(s.earlier, 1, 2)
	}
	s.earlier = append(s.earlier, err)
	return ctx, nil
}

// isTurnedAway tells whether a breaker that will let calls through again has not let
// this one through: err is all it said, and wraps nothing, so it is none that the
// handler met.
func isTurnedAway(err error) bool {
	open, ok := err.(*OpenError) //nolint:errorlint // as above
	return ok && open.State != StateIsolated
}

// says tells whether err is the error and the cause of a context already.
func says(err, end error) bool {
	if many, ok := end.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(many.Unwrap(), func(e error) bool { return !wrapped.Is(err, e) })
	}
	return wrapped.Is(err, end)
}

// giveUp is the error of the call, whose last attempt failed with err.
func (s *series) giveUp(err, stopped error) error {
	if s.attempts == 1 && stopped == nil {
		return err
	}
	return &RetryError{Tries: s.attempts, Err: err, Stopped: stopped, Earlier: s.earlier}
}

// wait returns how long to wait after err, and the longest wait there may be.
func (s *series) wait(err error) (wait, longest time.Duration) {
	if own, ok := wrapped.As[interface{ RetryAfter() time.Duration }](err); ok {
		if d := told(own.RetryAfter); d > 0 {
			if _, open := own.(*OpenError); !open {
				return d, s.MaxDelay
			}
			if s.earned {
				return d, max(s.openDelay, s.stayDelay)
			}
			return d, s.openDelay
		}
	}
	s.waited = s.Backoff.wait(s.retries+1, s.Delay, s.MaxDelay, s.waited)
	return s.waited, s.MaxDelay
}

// left returns what is left of MaxTotal.
func (s *series) left() time.Duration { return s.MaxTotal - time.Duration(nanos()-s.begun) }

// tooLong returns why there is no time to wait for so long.
func (s *series) tooLong(wait, longest time.Duration) error {
	if wait > longest {
		return fmt.Errorf("%w: it would begin in %v, and %v is the longest wait", ErrRetryTime, wait, longest)
	}
	if s.MaxTotal > 0 && wait >= s.left() {
		return fmt.Errorf("%w: it would begin in %v, and %v is the limit in total", ErrRetryTime, wait, s.MaxTotal)
	}
	if deadline, ok := s.ctx.Deadline(); ok && wait >= time.Until(deadline) {
		return fmt.Errorf("%w: it would begin in %v, past the context's deadline: %w", ErrRetryTime, wait, context.DeadlineExceeded)
	}
	return nil
}

// ended returns why no attempt may begin now.
func (s *series) ended() error {
	if s.ctx.Err() != nil {
		return ending.Of(s.ctx)
	}
	return s.tooLong(0, 0)
}

// sleep waits, no longer than the context lasts.
func (s *series) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}
