package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/health"
)

// journal keeps what happened last, and has it printed. It is safe for concurrent use.
type journal struct {
	said  func(line string) // has it printed
	begin time.Time

	mu       sync.Mutex
	entries  []entry // the newest last
	count    uint64
	status   map[string]health.Status // of streams
	pressed  map[string]time.Time     // when pressure was told of last
	unwell   uint64                   // streams that became unhealthy
	restarts uint64
}

// entry is one thing that happened.
type entry struct {
	Number uint64  `json:"number"`
	After  float64 `json:"after"` // seconds since the beginning
	Text   string  `json:"text"`
}

const keptEntries = 40

func newJournal(said func(string)) *journal {
	return &journal{said: said, begin: time.Now(), status: map[string]health.Status{}, pressed: map[string]time.Time{}}
}

// add takes up what fmt.Sprintf makes of its arguments.
func (j *journal) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	after := time.Since(j.begin)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.count++
	if len(j.entries) == keptEntries {
		j.entries = append(j.entries[:0], j.entries[1:]...)
	}
	j.entries = append(j.entries, entry{Number: j.count, After: after.Seconds(), Text: text})
	j.said(text)
}

// latest returns a copy of the entries, the newest last.
func (j *journal) latest() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]entry{}, j.entries...)
}

// restarted returns how often a stream was unhealthy, and how often one was
// interrupted for it.
func (j *journal) restarted() (unwell, restarts uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.unwell, j.restarts
}

// report takes up what the monitor has adjusted. It is a [health.ReporterFunc].
func (j *journal) report(r health.Report) {
	for _, a := range r.Adjustments {
		switch a.Action {
		case health.Interrupt:
			j.mu.Lock()
			j.restarts++
			j.mu.Unlock()
			j.add("%s: interrupted: %s", a.Stream, a.Why)
		default:
			j.add("%s: %v from %.4g to %.4g: %s", a.Stream, a.Action, a.From, a.To, a.Why)
		}
	}
}

// look takes up how the status of streams has changed. It is given one snapshot
// after the other.
func (j *journal) look(r health.Report) {
	for _, s := range r.Streams {
		j.mu.Lock()
		before := j.status[s.Name]
		j.status[s.Name] = s.Status
		if s.Status >= health.Unhealthy && before < health.Unhealthy {
			j.unwell++
		}
		j.mu.Unlock()
		if s.Status == before {
			continue
		}
		text := fmt.Sprintf("%s: %v", s.Name, s.Status)
		if s.Status == health.Healthy {
			text += " again"
		} else if len(s.Findings) > 0 {
			text += fmt.Sprintf(" (%v)", slices.MaxFunc(s.Findings, func(a, b health.Finding) int { return cmp.Compare(a.Status, b.Status) }))
		}
		j.add("%s", text)
	}
}

// quiet is how long a queue whose pressure comes and goes is not told of again.
const quiet = 10 * time.Second

// pressure takes up that pressure began in a queue.
func (j *journal) pressure(consumer string, e backpressure.Event) {
	j.mu.Lock()
	told := !e.Pressure || time.Since(j.pressed[consumer]) < quiet && !j.pressed[consumer].IsZero()
	if !told {
		j.pressed[consumer] = time.Now()
	}
	j.mu.Unlock()
	if !told {
		j.add("%s: pressure: %d of %d queued", consumer, e.Counts.Queued, e.Run.Capacity())
	}
}
