package health

import "time"

// Policy adjusts streams. Adjust is called every [Config].Interval for each stream
// that runs, with its figures; it returns what is to be changed, nil for nothing.
// It runs on the Monitor's own goroutine, for one stream after the other, and must
// not block. It may be called concurrently by several Monitors. A panic is
// recovered, counted and logged.
type Policy interface {
	Adjust(s Stream) []Adjustment
}

// PolicyFunc is a function that is a [Policy].
type PolicyFunc func(s Stream) []Adjustment

// Adjust calls f.
func (f PolicyFunc) Adjust(s Stream) []Adjustment { return f(s) }

// Action is what an [Adjustment] does.
type Action uint8

// The actions.
const (
	// SetCapacity sets the capacity of a queue.
	SetCapacity Action = iota + 1
	// SetPace lets the producer of a queue go on with so many items a second at
	// most, 0: as many as it likes. The queue's owner must be a [Pacer].
	SetPace
	// SetSample has one in so many items pass, 1: all. The queue's owner must be a
	// [Sampler].
	SetSample
	// Interrupt ends the present run of the handler with [ErrStalled], so that a
	// retry inside of the Monitor begins another; without one, the consumer gets
	// ErrStalled. After an interrupt there is no other for [Config].Stall, or Interval
	// if that is longer, and as long as no item comes, twice as long after each, up to
	// 32 times: a run that begins anew may have to pass by what was delivered before
	// it comes to an item.
	Interrupt
)

var actionNames = [...]string{"", "set capacity", "set pace", "set sample", "interrupt"}

// String returns the action in lower case: "set capacity".
func (a Action) String() string { return nameOf(actionNames[:], uint8(a), "Action") }

// MarshalText gives the action as String does.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Adjustment is a change to a stream. A [Policy] gives Action, Queue, To and Why;
// the Monitor does it, fills in the rest, logs it and counts it. What makes no
// difference or no sense (a queue that is gone, an owner that cannot) is not done
// and not counted.
//
// Once the stream is calm for [Config].Relax Intervals in a row, all settings of
// its queues go back to what they were, but for a pace that is set WhileQueued. Calm means: no finding but LowThroughput and
// Degradation, which an adjustment may cause itself, and no queue under pressure. If the
// same stream is adjusted again within as many Intervals, the next time
// takes twice as many, up to 32 times Relax: so a stream that needs an adjustment
// has it nearly always, and one whose trouble is over gets rid of it.
type Adjustment struct {
	Action Action  `json:"action"`
	Queue  int     `json:"queue"` // its place in [Stream].Queues
	To     float64 `json:"to"`
	Why    string  `json:"why"`
	// WhileQueued has a pace hold only while the consumer has something queued to go
	// on with: it goes back to what it was as soon as a look, not a report, finds no more
	// than an eighth of the queue's capacity. Other actions do not heed it.
	WhileQueued bool `json:"while_queued,omitempty"`

	Time     time.Time `json:"time"`
	Stream   string    `json:"stream"` // name
	StreamID uint64    `json:"stream_id"`
	From     float64   `json:"from"`
	Undo     bool      `json:"undo"` // it was done to undo others
}

// Pacer is implemented by the owner of a queue, see [mediator.QueueConfig], that can
// slow the producer down. The methods are called on the Monitor's goroutine while
// the stream runs, and must not block.
type Pacer interface {
	SetPace(itemsPerSecond float64) // 0: as fast as it likes
	Pace() float64
}

// Sampler is implemented by the owner of a queue that can leave out items. The
// methods are called as those of a [Pacer] are.
type Sampler interface {
	SetSample(oneIn int) // 1: none is left out
	Sample() int         // 0 is as good as 1
}

// Dropper is implemented by the owner of a queue that knows whether it gives up
// items rather than have its producer wait.
type Dropper interface {
	Drops() bool
}

// Presser is implemented by the owner of a queue that knows whether it is under
// pressure, by watermarks of its own. Pressure is called as the methods of a
// [Pacer] are.
type Presser interface {
	Pressure() bool
}
