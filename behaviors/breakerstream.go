package behaviors

import (
	"context"

	"github.com/fsmediator/mediator"
)

// streamPermit lets one run of a stream through.
type streamPermit struct {
	b     *Breaker
	k     *circuit
	p     *period
	t     *trial
	begun int64

	delivered bool
	first     int64 // when the first item came
	counted   int64 // when the tenth began for which a success was counted last
	proven    bool  // it has delivered for a tenth of the window

	looked       int64 // when an item last read the clock
	skip, stride uint8 // items to go until the next reads it, and how many that were
}

// sparsest is how many items at most do not read the clock, which takes longer than
// all else that is done for an item.
const sparsest = 63

// item is called for each item. The first settles a trial: a stream that delivers
// does not hang, and may well run for longer than any trial is waited for.
func (s *streamPermit) item() {
	switch {
	case s.skip > 0:
		s.skip--
	case s.delivered:
		s.more(nanos())
	default:
		s.delivered = true
		s.first = nanos()
		s.counted, s.looked = s.first, s.first
		r := result{outcome: OutcomeSuccess, slow: s.b.slow(s.first - s.begun), ended: s.first}
		if s.t != nil {
			s.k.settle(s.p, s.t, r)
			return
		}
		// It may yet fail, so it is none between failures in a row.
		s.k.count(s.p, windowOK, 0, r)
	}
}

// more counts a success for each tenth of the window: a stream that is well for
// hours says of each minute what a call says of its own. It says so of the period
// that it delivers in, whichever it began in.
func (s *streamPermit) more(now int64) {
	tenth := int64(s.k.c.Window) / windowSlices
	if now-s.looked < tenth/(2*sparsest) {
		s.stride = min(2*s.stride+1, sparsest)
	} else {
		s.stride = 0
	}
	s.skip, s.looked = s.stride, now
	if now-s.counted < tenth {
		return
	}
	s.counted, s.proven = now-(now-s.counted)%tenth, true
	if p := s.k.now.Load(); p.state == StateClosed {
		s.p, s.t = p, nil
		p.succeeded(mediator.Call{})
	}
}

// end settles a run. One that has delivered has succeeded, unless it failed and is
// not resumed.
func (s *streamPermit) end(r result, resumed bool) {
	switch {
	case !s.delivered:
		r.slow = s.b.slow(nanos() - s.begun)
		s.k.settle(s.p, s.t, r)
	case r.outcome != OutcomeFailure || resumed:
		if s.t == nil {
			s.p.row.Store(0)
		}
	case s.t == nil:
		if !s.proven {
			s.p.takeBack(s.first)
		}
		s.k.settle(s.p, nil, r)
	case !s.proven:
		s.k.settle(s.p, s.t, r)
	}
}

// stream is call for a stream.
func (w *breakerWrap) stream(ctx context.Context, c mediator.Call, s *streamPermit) error {
	settled := false
	defer func() {
		if settled {
			return
		}
		r := result{outcome: OutcomeFailure}
		if c.Stopped() {
			r.outcome = OutcomeIgnored
		}
		s.end(r, false)
	}()
	err := w.next(ctx, c.OnItem(s.item))
	r := result{outcome: OutcomeIgnored, err: err}
	if err == nil || !stoppedWith(c, err) {
		r.outcome = judge(ctx, err, w.b.c.Classify)
	}
	resumed := s.delivered && r.outcome == OutcomeFailure && goesOn(ctx, c)
	settled = true
	s.end(r, resumed)
	return err
}
