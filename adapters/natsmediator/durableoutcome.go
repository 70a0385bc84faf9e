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
	mu   sync.Mutex
	by   map[stored]*list.Element
	list list.List // of failed, the one that was noted longest ago first
}

type failed struct {
	stored
	outcome
}

// mostFailures is how many are kept. The server has no more of the group's events
// delivered and not settled, and each of these is noted again whenever its letter could
// not be stored: what makes room is what another process has settled.
const mostFailures = mostPending

func (f *failures) note(p stored, o outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.by[p]; ok {
		f.list.MoveToBack(e)
		return
	}
	if f.by == nil {
		f.by = map[stored]*list.Element{}
	}
	if f.list.Len() == mostFailures {
		f.remove(f.list.Front())
	}
	f.by[p] = f.list.PushBack(failed{p, o})
}

func (f *failures) of(p stored) (outcome, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.by[p]
	if !ok {
		return outcome{}, false
	}
	return e.Value.(failed).outcome, true
}

func (f *failures) forget(p stored) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.by[p]; ok {
		f.remove(e)
	}
}

func (f *failures) remove(e *list.Element) {
	delete(f.by, e.Value.(failed).stored)
	f.list.Remove(e)
}
