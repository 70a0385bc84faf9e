package natsmediator

import (
	"container/list"
	"errors"
	"sync"
	"time"

	"github.com/fsmediator/mediator/deadletter"
)

// outcome is what became of the attempts at an event.
type outcome struct {
	err      error // nil if it was handled
	final    bool  // there is no use in trying again
	unheard  bool  // nobody said what became of the deliveries
	attempts int   // deliveries until then
	at       time.Time
}

// errUnheard is what an event is given up for of whose deliveries nobody said what
// became.
var errUnheard = errors.New("no attempt came to an end that is known of: the processes died, lost their connection, or could not store its dead letter")

func unheard(deliveries int) outcome {
	return outcome{err: errUnheard, final: true, unheard: true, attempts: deliveries, at: time.Now()}
}

// letterOf makes the dead letter of a group's event.
func (d *durable) letterOf(group string, r raw, o outcome) deadletter.Letter {
	l := d.letter(group, r, o.err)
	l.Attempts, l.First = o.attempts, o.at.Round(0)
	l.Last = l.First
	return l
}

// failures are those of a group's events whose dead letters could not be stored yet: so
// that the storing alone is tried again, and the letter says why. The zero value is
// empty; it is used concurrently.
type failures struct {
	wait time.Duration // how long an event may wait for its next attempt

	mu   sync.Mutex
	by   map[stored]*list.Element
	list list.List // of *failed, the one that nobody has asked for longest first
}

type failed struct {
	stored
	outcome
	last time.Time // when it was noted or asked for
}

// mostFailures is how many are kept. The server has no more of the group's events
// delivered and not settled, and each of these is noted again whenever its letter could
// not be stored: what makes room is what another process has settled.
const mostFailures = mostPending

// failureLife is how long one is kept that is not asked for any more, beyond how long its
// event may wait: another process has settled that.
const failureLife = time.Hour

func (f *failures) note(p stored, o outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.find(p) != nil {
		return
	}
	if f.by == nil {
		f.by = map[stored]*list.Element{}
	}
	if f.list.Len() == mostFailures {
		f.remove(f.list.Front())
	}
	f.by[p] = f.list.PushBack(&failed{p, o, time.Now()})
}

func (f *failures) of(p stored) (outcome, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.find(p)
	if known == nil {
		return outcome{}, false
	}
	return known.outcome, true
}

// find returns one that is asked for, nil if it is not there, and forgets what is too old.
func (f *failures) find(p stored) *failed {
	now := time.Now()
	for e := f.list.Front(); e != nil && now.Sub(e.Value.(*failed).last) > failureLife+f.wait; e = f.list.Front() {
		f.remove(e)
	}
	e, ok := f.by[p]
	if !ok {
		return nil
	}
	f.list.MoveToBack(e)
	known := e.Value.(*failed)
	known.last = now
	return known
}

// forgetAll forgets those of a consumer that was gone: their events begin again, or are
// settled.
func (f *failures) forgetAll(consumer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, e := range f.by {
		if p.consumer == consumer {
			f.remove(e)
		}
	}
}

func (f *failures) forget(p stored) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.by[p]; ok {
		f.remove(e)
	}
}

func (f *failures) remove(e *list.Element) {
	delete(f.by, e.Value.(*failed).stored)
	f.list.Remove(e)
}
