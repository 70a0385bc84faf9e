package behaviors

import (
	"context"

	"github.com/fsmediator/mediator"
)

// streamPermit lets one run of a stream through.
type streamPermit struct {
	b        *Breaker
	k        *circuit
	p        *period
	t        *trial
	begun    int64
	first    int64 // when the first item came
	answered bool  // the trial was settled by its first item
	settled  bool
}

// item settles a trial: a stream that delivers does not hang, and may well run
// for longer than any trial is waited for.
func (s *streamPermit) item() {
	if s.first != 0 {
		return
	}
	s.first = nanos()
	if s.t != nil {
		s.answered = true
		s.k.settle(s.p, s.t, result{outcome: OutcomeSuccess, slow: s.b.slow(s.first - s.begun)})
	}
}

func (s *streamPermit) settle(r result) {
	s.settled = true
	if s.answered && (r.outcome == OutcomeSuccess || r.outcome == OutcomeIgnored) {
		return
	}
	s.k.settle(s.p, s.t, r)
}

// unwound settles a run of c that was ended by a panic or Goexit.
func (s *streamPermit) unwound(c mediator.Call) {
	switch {
	case s.settled:
	case c.Stopped():
		s.settle(result{outcome: OutcomeIgnored})
	default:
		s.settle(result{outcome: OutcomeFailure})
	}
}

// stream is call for a stream.
func (w *breakerWrap) stream(ctx context.Context, c mediator.Call, s *streamPermit) error {
	defer s.unwound(c)
	err := w.next(ctx, c.OnItem(s.item))
	if s.first == 0 {
		s.first = nanos()
	}
	if err != nil && stoppedWith(c, err) {
		s.settle(result{outcome: OutcomeIgnored})
		return err
	}
	r := result{outcome: judge(ctx, err, w.b.c.Classify), slow: w.b.slow(s.first - s.begun), err: err}
	s.settle(r)
	return err
}
