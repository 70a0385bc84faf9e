package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/backpressure"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/health"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// frame is what the pages are shown at one moment.
type frame struct {
	version uint64 // of wiring
	wiring  []byte
	sample  []byte
	closed  bool // it is the last
}

type atomicFrame = atomic.Pointer[frame]

// sample is what the page is told each interval.
type sample struct {
	Time     int64                    `json:"time"` // milliseconds since 1970
	First    bool                     `json:"first,omitempty"`
	Closed   bool                     `json:"closed,omitempty"`
	Total    *figures                 `json:"total,omitempty"`
	Routes   []*figures               `json:"routes"`
	Rest     *figures                 `json:"rest,omitempty"` // beyond the routes: of a Recorder that has no room, of stopped subscribers
	Readings map[string][]readingView `json:"readings"`
	Breakers []circuitsView           `json:"breakers"`
	Streams  streamsView              `json:"streams"`
	Letters  *lettersView             `json:"letters,omitempty"`
	Problems []string                 `json:"problems,omitempty"`
}

// sampler takes the samples of one feed. It is used by one goroutine.
type sampler struct {
	*console
	view    []byte
	version uint64
	before  map[*behaviors.Recorder]behaviors.Snapshot
	passed  map[*backpressure.Control]passed
	letters letterCount
	problem map[string]struct{}
}

func newSampler(c *console) *sampler {
	return &sampler{console: c, before: map[*behaviors.Recorder]behaviors.Snapshot{}}
}

// sample looks at everything once.
func (s *sampler) sample(ctx context.Context) *frame {
	s.problem = map[string]struct{}{}
	routes := s.m.Inspect()
	out := sample{Time: time.Now().UnixMilli(), Closed: isClosing(s.m), First: s.version == 0,
		Readings: map[string][]readingView{}, Breakers: []circuitsView{}, Streams: streamsView{Running: []streamView{}}}
	s.guard("what stands around a handler", func() {
		s.known.keep(routes)
		view := viewOf(routes, &s.known, &s.config)
		for _, p := range view.problems {
			s.problem[p] = struct{}{}
		}
		if view := encoded(view); !bytes.Equal(view, s.view) {
			s.view = view
			s.version++
		}
	})
	if s.version == 0 {
		s.view, s.version = encoded(wiring{Routes: []routeView{}}), 1
	}
	out.Routes = make([]*figures, len(routes))
	for _, part := range []func([]mediator.Route, *sample){s.traffic, s.sources, s.streams} {
		s.guard("what stands around a handler", func() { part(routes, &out) })
	}
	s.countLetters(ctx, &out)
	out.Problems = slices.Sorted(maps.Keys(s.problem))
	return &frame{version: s.version, wiring: s.view, sample: encoded(out), closed: out.Closed}
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("console: what a page is shown cannot be encoded: %w", err))
	}
	return text
}

// isClosing tells whether m has begun to close.
func isClosing(m *mediator.Mediator) bool {
	select {
	case <-m.Closing():
		return true
	default:
		return false
	}
}

// guard calls what belongs to others. A panic there, or a Goexit, is shown, and harms
// nothing else.
func (s *sampler) guard(what string, f func()) {
	ended := make(chan string)
	go func() {
		problem := "ended its goroutine"
		defer func() { ended <- problem }()
		defer func() {
			if v := recover(); v != nil {
				problem = fmt.Sprintf("panicked: %v", v) // v may end the goroutine when it is asked for its text
			}
		}()
		f()
		problem = ""
	}()
	if problem := <-ended; problem != "" {
		s.problem[what+" "+problem] = struct{}{}
	}
}

type readingView struct {
	Scope string  `json:"scope,omitempty"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	State string  `json:"state,omitempty"`
}

type circuitsView struct {
	ID       string        `json:"id"`
	State    string        `json:"state"` // the worst
	Circuits []circuitView `json:"circuits"`
	More     int           `json:"more,omitempty"` // that are not shown
}

type circuitView struct {
	Key       string `json:"key"`             // as it is shown
	Bytes     []byte `json:"bytes,omitempty"` // the key, if it is no text
	State     string `json:"state"`
	Since     int64  `json:"since"`           // milliseconds since 1970
	Retry     int64  `json:"retry,omitempty"` // milliseconds left of the break
	Successes int    `json:"successes"`
	Failures  int    `json:"failures"`
	Changes   uint64 `json:"changes"`
	Rejected  uint64 `json:"rejected"`
}

// What one sample holds at most. A page that shows more helps nobody.
const (
	maxReadings = 200 // a source
	maxCircuits = 100 // a breaker
	maxStreams  = 200
)

// sources asks the behaviors that have something to show.
func (s *sampler) sources(routes []mediator.Route, out *sample) {
	asked := map[string]bool{}
	for _, r := range routes {
		for _, b := range r.Behaviors {
			b = unwrap.Innermost(b)
			id := s.known.id(b)
			if id == "" || asked[id] {
				continue
			}
			asked[id] = true
			switch source := b.(type) {
			case *behaviors.Breaker:
				out.Breakers = append(out.Breakers, circuitsOf(id, source))
			case *health.Monitor:
				// What it reads is of all that it watches, and would look like the
				// state of each handler. The page has a place of its own for that.
			case behaviors.Source:
				s.guard(nameOf(b), func() { out.Readings[id] = readingsOf(source) })
			}
		}
	}
}

func readingsOf(source behaviors.Source) (shown []readingView) {
	for r := range source.Readings() {
		if len(shown) == maxReadings {
			break
		}
		if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
			continue
		}
		shown = append(shown, readingView{Scope: r.Scope, Name: r.Name, Value: r.Value, State: r.State})
	}
	return shown
}

// circuitsOf shows all the breakers of b, or if they are too many those that are not
// closed first.
func circuitsOf(id string, b *behaviors.Breaker) circuitsView {
	v := circuitsView{ID: id, State: b.State().String(), Circuits: []circuitView{}}
	all := b.Snapshot()
	if len(all) > maxCircuits {
		v.More = len(all) - maxCircuits
		worst := make([]behaviors.BreakerSnapshot, 0, len(all))
		for _, closed := range []bool{false, true} {
			for _, one := range all {
				if (one.State == behaviors.StateClosed) == closed {
					worst = append(worst, one)
				}
			}
		}
		all = worst[:maxCircuits]
	}
	for _, one := range all {
		key, is := one.Key, []byte(nil)
		if !utf8.ValidString(key) {
			key, is = strconv.Quote(key), []byte(key)
		}
		v.Circuits = append(v.Circuits, circuitView{Key: key, Bytes: is, State: one.State.String(), Since: one.Since.UnixMilli(),
			Retry: one.RetryAfter.Milliseconds(), Successes: one.Successes, Failures: one.Failures, Changes: one.Changes, Rejected: one.Rejected})
	}
	return v
}
