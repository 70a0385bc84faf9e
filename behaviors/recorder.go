package behaviors

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// RecorderConfig adjusts a [Recorder]. Its zero value means the defaults.
type RecorderConfig struct {
	// MaxNames bounds the memory: it is how many messages (name, kind and
	// subscriber's group) have figures of their own. What comes later is counted
	// together, as [OtherName]. Default: 1000.
	MaxNames int
}

// OtherName is the name that the messages beyond [RecorderConfig.MaxNames] are
// counted under. That entry has kind 0.
const OtherName = "other"

// Recorder is a [mediator.Behavior] that counts calls and takes their time; see
// [Snapshot] for what it knows. One Recorder may stand around any number of
// handlers, of several mediators as well; around one handler it should stand
// once. What stands outside of it is not in its figures, so it belongs outside of
// what retries and rejects, and inside of that it counts attempts.
//
// A call costs two readings of the clock and two atomic additions, and allocates
// nothing; a stream item costs one addition. A message takes a little over 4 KiB,
// and 4 KiB more for each [Ending] other than Succeeded that it has had.
//
// All methods are safe for concurrent use. The zero Recorder is not usable.
type Recorder struct {
	scoped
	maxNames int
	born     time.Time
	other    stats

	byKey atomic.Pointer[map[statsKey]*stats] // replaced under mu, never changed
	mu    sync.Mutex
	watched
}

// statsKey is what has figures of its own.
type statsKey struct {
	name, handler string
	kind          mediator.Kind
}

// stats is the figures of one message. Each call is counted once when it begins
// and once when it ends, in the histogram of its ending: everything else that is
// reported follows from these, so it always fits together.
type stats struct {
	started   atomic.Uint64
	_         [56]byte // what is counted at the begin and at the end are different cache lines
	succeeded latencies
	ended     [endingCount]atomic.Pointer[latencies] // from Stopped on, made when first needed

	// Streams that run at the same time count their items in different lanes, so
	// that they do not wait for each other's cache line.
	nextLane atomic.Uint32
	lanes    []itemLane // none, unless it is a stream

	own *bound // of the calls that are counted here, whatever their names
}

const itemLanes = 8

type itemLane struct {
	items atomic.Uint64
	_     [120]byte // with the neighbor line, which processors fetch too
}

// NewRecorder returns a Recorder. It takes at most one config, and panics if that
// is invalid: if MaxNames is negative.
func NewRecorder(config ...RecorderConfig) *Recorder {
	c := onlyConfig("NewRecorder", config)
	if c.MaxNames < 0 {
		panic(fmt.Sprintf("behaviors: NewRecorder: MaxNames is %d: it cannot be negative", c.MaxNames))
	}
	if c.MaxNames == 0 {
		c.MaxNames = 1000
	}
	r := &Recorder{maxNames: c.MaxNames, born: time.Now(), other: stats{lanes: make([]itemLane, itemLanes)}}
	r.other.own = &bound{stats: &r.other}
	r.byKey.Store(&map[statsKey]*stats{})
	return r
}

// onlyConfig is the config that a constructor may be given.
func onlyConfig[C any](constructor string, configs []C) (c C) {
	switch len(configs) {
	case 0:
		return c
	case 1:
		return configs[0]
	}
	panic(fmt.Sprintf("behaviors: %s: %d configs are given, at most one is possible", constructor, len(configs)))
}

// BehaviorName returns "Recorder".
func (r *Recorder) BehaviorName() string { return "Recorder" }

// bound is the figures that a handler's calls of one name go to.
type bound struct {
	*stats
	name   string
	stream bool
	fixed  bool // no call has another name: only a subscriber to an interface gets several
}

// Wrap is part of [mediator.Behavior].
func (r *Recorder) Wrap(next mediator.Next) mediator.Next {
	var usual atomic.Pointer[bound]
	return func(ctx context.Context, c mediator.Call) error {
		b := usual.Load()
		if b == nil || !b.fixed && b.name != c.Name() {
			b = r.bind(&usual, c)
		}
		if b.stream {
			return b.stats.stream(ctx, c, next)
		}
		inside := timed{b.stats, nanosOf(c)}
		inside.started.Add(1)
		defer func() {
			if inside.stats != nil {
				inside.unwind(false, inside.start, recover())
			}
		}()
		err := next(ctx, c)
		if err == nil {
			inside.succeeded.add(nanosOf(c) - inside.start)
		} else {
			took := nanosOf(c) - inside.start
			inside.histogram(EndingOf(ctx, err)).add(took)
			c.Waited()
		}
		inside.stats = nil
		return err
	}
}

// bind finds the figures that c is counted in, and makes them the usual ones if
// there are none yet. Where names alternate it allocates nothing.
func (r *Recorder) bind(usual *atomic.Pointer[bound], c mediator.Call) *bound {
	key := statsKey{c.Name(), c.Handler(), c.Kind()}
	s := r.statsOf(key)
	b := s.own
	if first := usual.Load() == nil; s == &r.other && (first || key.kind != mediator.KindNotification) {
		b = s.bind(key)
	}
	usual.CompareAndSwap(nil, b)
	return b
}

// bind returns what binds a handler's calls with the key to s.
func (s *stats) bind(key statsKey) *bound {
	return &bound{
		stats:  s,
		name:   key.name,
		stream: key.kind == mediator.KindStream,
		fixed:  key.kind != mediator.KindNotification,
	}
}

// timed is a call that began at start and is not counted as ended yet; no stats
// means that it is.
type timed struct {
	*stats
	start int64
}

// stream is the same for a run of a stream.
func (s *stats) stream(ctx context.Context, c mediator.Call, next mediator.Next) error {
	items := &s.lanes[s.nextLane.Add(1)%itemLanes].items
	start := nanos()
	s.started.Add(1)
	returned := false
	defer func() {
		if !returned {
			s.unwind(c.Stopped(), start, recover())
		}
	}()
	err := next(ctx, c.OnItem(func() { items.Add(1) }))
	s.histogram(endingOfCall(ctx, c, err)).add(nanos() - start)
	returned = true
	return err
}

// unwind ends a call that did not return. v is what it panicked with, and goes on;
// nil for a Goexit.
func (s *stats) unwind(stopped bool, start int64, v any) {
	s.histogram(endingOfUnwinding(stopped, v)).add(nanos() - start)
	if v != nil {
		panic(v)
	}
}

// histogram returns that of the ending e, and makes it if need be.
func (s *stats) histogram(e Ending) *latencies {
	if e == Succeeded {
		return &s.succeeded
	}
	if l := s.ended[e].Load(); l != nil {
		return l
	}
	s.ended[e].CompareAndSwap(nil, &latencies{})
	return s.ended[e].Load()
}

// statsOf finds the figures of key, and makes them if need be.
func (r *Recorder) statsOf(key statsKey) *stats {
	known := *r.byKey.Load()
	if s, ok := known[key]; ok {
		return s
	}
	if len(known) >= r.maxNames {
		return &r.other
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known = *r.byKey.Load()
	if s, ok := known[key]; ok {
		return s
	}
	if len(known) >= r.maxNames {
		return &r.other
	}
	more := maps.Clone(known)
	s := &stats{}
	if key.kind == mediator.KindStream {
		s.lanes = make([]itemLane, itemLanes)
	}
	s.own = s.bind(key)
	more[key] = s
	r.byKey.Store(&more)
	return s
}

// CheckWiring is part of [mediator.WiringChecker]: it warns if the Recorder
// stands around a handler twice, for then it counts every call twice. It also
// makes the Recorder [Recorder.Watch] the behaviors around the handler that are a
// [Source], and warns of one that it cannot know again.
func (r *Recorder) CheckWiring(outer, inner []mediator.Behavior) (warnings []string) {
	for _, b := range slices.Concat(outer, inner) {
		if s, ok := unwrap.Innermost(b).(Source); ok && r.wire(s) {
			warnings = append(warnings, fmt.Sprintf("the Source %T cannot be compared, so it is taken for another one around each handler and its readings add up: implement it on a pointer", s))
		}
	}
	if isAmong(outer, r) {
		warnings = append(warnings, "the same Recorder stands around the handler more than once, so it counts every call as often: remove one, or make another Recorder")
	}
	return warnings
}

// LeaveWiring is part of [mediator.WiringLeaver]: a [Source] that stands beside
// the Recorder nowhere any more is watched no longer, unless by [Recorder.Watch]. What
// it has counted stays in the readings.
func (r *Recorder) LeaveWiring(outer, inner []mediator.Behavior) {
	for _, b := range slices.Concat(outer, inner) {
		if s, ok := unwrap.Innermost(b).(Source); ok {
			r.unwire(s)
		}
	}
}
