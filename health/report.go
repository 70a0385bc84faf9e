package health

import (
	"slices"
	"time"

	"github.com/fsmediator/mediator"
)

// Report is what a [Monitor] knows at one moment. It does not change.
type Report struct {
	Time time.Time `json:"time"`
	// Status is the worst of the running streams, the messages and the components; a
	// stream by itself is a warning at most, see [Config].MaxUnhealthy. Streams that have
	// ended do not count, but for the errors among Totals.
	Status Status `json:"status"`
	// Ready is what /readyz goes by, apart from the checks: [Monitor.SetReady] and
	// whether the mediator is being closed.
	Ready bool `json:"ready"`
	// Memory is the bytes in use at the latest look, PeakMemory the most at any.
	Memory     uint64 `json:"memory"`
	PeakMemory uint64 `json:"peak_memory"`
	// Streams are those that run, in the order in which they began.
	Streams []Stream `json:"streams"`
	// Ended are the streams that ended last, the oldest first, at most
	// [Config].Recent; in the Report for a [Reporter] only those that ended since
	// the one before.
	Ended []Stream `json:"ended"`
	// Totals are the figures by message, in the order in which they were first seen.
	Totals []Totals `json:"totals"`
	// Components are the results of the checks, as they were when they last ran, and
	// what the sources tell.
	Components []Component `json:"components"`
	// Adjustments are the latest ones taken, the oldest first, at most 32; in the Report for a
	// [Reporter] those taken since the one before. Adjusted counts all ever.
	Adjustments []Adjustment `json:"adjustments"`
	Adjusted    uint64       `json:"adjusted"`
	// Skipped counts the reports that a Reporter did not get because it was still
	// at the one before. What they had in Ended and Adjustments comes with the next.
	Skipped uint64 `json:"skipped"`
	// Panics counts the panics of reporters, policies and sources, of the owners of
	// queues, and of Config.Memory. That of a check is its error.
	Panics uint64 `json:"panics"`

	problems []string // for the log
}

// Stream is the figures of one run of a stream.
type Stream struct {
	ID     uint64 `json:"id"` // grows with each stream of the Monitor
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Findings are those of the latest look. Where Status is worse than all of them, they
	// are better, but not yet for Config.Recovery looks.
	Findings []Finding `json:"findings,omitempty"`

	Started time.Time `json:"started"`
	// FirstItem and LastItem are zero if there was no item. Of a fast stream
	// LastItem is up to a millisecond or two old.
	FirstItem time.Time `json:"first_item,omitzero"`
	LastItem  time.Time `json:"last_item,omitzero"`
	Ended     time.Time `json:"ended,omitzero"` // zero while it runs

	// Items is how many were delivered where the Monitor stands. It is exact once
	// the stream has ended, for the first 64, and while items come a millisecond apart
	// or slower. Of a stream that is faster it may lag by up to 255 items, those of the
	// last millisecond or two; after an abrupt standstill it lags until the next item.
	Items uint64 `json:"items"`
	// Rate is the items per second of the last [Config].Window, or since the start
	// if that is less long ago; PeakRate is the highest that a look has found. What
	// comes within a tenth of a Window counts as if it took that long.
	Rate     float64 `json:"rate"`
	PeakRate float64 `json:"peak_rate"`

	// Memory is the bytes in use by the process at the latest look, PeakMemory the
	// most while the stream ran, and StartMemory those when it began.
	Memory      uint64 `json:"memory"`
	PeakMemory  uint64 `json:"peak_memory"`
	StartMemory uint64 `json:"start_memory"`

	// Errors counts those of [NoteError], and 1 for a stream that failed.
	Errors uint64 `json:"errors"`
	// Dropped and Skipped are what all the queues of the stream dropped and sampled
	// out so far, those that are gone included; they are read after Queues, while the
	// stream goes on. Depth is what is queued now.
	Dropped uint64  `json:"dropped"`
	Skipped uint64  `json:"skipped"`
	Depth   int     `json:"depth"`
	Queues  []Queue `json:"queues,omitempty"` // outermost first

	// Adjusted counts the adjustments of the stream, Interrupts how many of them
	// ended a run of its handler.
	Adjusted   uint64 `json:"adjusted"`
	Interrupts uint64 `json:"interrupts"`

	// Err is why the stream ended, nil while it runs, if it is complete, and if the
	// consumer has left. Err may be set in a stream that is not Failed: a caller's
	// cancellation, an answer of the business, the rejection of a guard.
	Err error `json:"-"`

	interval time.Duration // between two reports
}

// Has tells whether a reason is among the findings.
func (s Stream) Has(r Reason) bool {
	return slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Reason == r })
}

// Queue is one queue of a stream, see [mediator.Queue].
type Queue struct {
	Capacity int    `json:"capacity"`
	Depth    int    `json:"depth"`
	Produced uint64 `json:"produced"`
	Dropped  uint64 `json:"dropped"`
	Skipped  uint64 `json:"skipped"`
	// Delivered is how many the consumer has taken, DeliveredRate how many per
	// second since the last report.
	Delivered     uint64  `json:"delivered"`
	DeliveredRate float64 `json:"delivered_rate"`
	// TakenRate is how many per second the consumer took while it took any: the higher of
	// the two that were measured last, each over 32 items and four seconds at least. So a
	// pause leaves it as it is. It is 0 before the first, and for a consumer that is faster
	// than the producer no more than what that gives.
	TakenRate float64 `json:"taken_rate"`
	// Pressure is what the owner says, if it is a [Presser]. Otherwise it begins when a
	// look finds four fifths of the capacity taken, and ends when one finds less than
	// two.
	Pressure bool `json:"pressure"`
	// Drops tells that the owner is a [Dropper] and drops.
	Drops bool `json:"-"`
	// Paces tells that the owner is a [Pacer], Pace is its items per second, 0 for
	// no limit; Samples that it is a [Sampler], Sample its n of one in n, 1 for all.
	Paces   bool    `json:"-"`
	Pace    float64 `json:"pace,omitempty"`
	Samples bool    `json:"-"`
	Sample  int     `json:"sample,omitempty"`
	// Configured is the capacity, pace and sample as they were before the first
	// adjustment.
	Configured Settings `json:"-"`

	queue   *mediator.Queue
	changed [Interrupt]bool
}

// Settings are what can be adjusted of a queue.
type Settings struct {
	Capacity int
	Pace     float64
	Sample   int
}

// Totals is the figures of one message: of a request, of all runs of a stream, or
// of one subscriber's handling of a notification.
type Totals struct {
	Name    string        `json:"name"`
	Kind    mediator.Kind `json:"-"`                 // in JSON it is its name
	Handler string        `json:"handler,omitempty"` // the subscriber's group
	// Status is by the share of errors, of calls by those that are stalled, and of streams
	// by the share of those that are unhealthy, see [Config].MaxUnhealthy.
	Status   Status    `json:"status"`
	Findings []Finding `json:"findings,omitempty"`

	Started  uint64 `json:"started"`   // calls, or runs of a stream
	InFlight uint64 `json:"in_flight"` // those that have not ended
	Failed   uint64 `json:"failed"`    // those that ended by an error, a panic or Goexit
	Canceled uint64 `json:"canceled"`  // those that the caller cancelled; no failure
	Declined uint64 `json:"declined"`  // those that ended by an answer of the business; no failure
	Rejected uint64 `json:"rejected"`  // those that a guard turned away, such as a limiter, or that ended by what a guard inside of the handler said; no failure
	Stalled  uint64 `json:"stalled"`   // those in flight for longer than Config.Stall, or of streams, that are stalled
	// Items are what streams delivered, and Errors what was noted by [NoteError] or
	// failed.
	Items  uint64 `json:"items,omitempty"`
	Errors uint64 `json:"errors"`
	// Rate is the items, or the calls that ended well, per second of the last Window, or
	// since the message was first seen if that is less long ago. A silence is part of a
	// Window: after one the rate rises to what it is for as long as that takes.
	Rate      float64 `json:"rate"`
	PeakRate  float64 `json:"peak_rate"`
	ErrorRate float64 `json:"error_rate"` // share of errors in the last Window, among what ended well or failed
}

// Component is something that the health depends on: a [Check] or one of a
// [Source].
type Component struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Err is what is wrong, nil if nothing is.
	Err error `json:"-"`
	// Time is when the check was made, zero if it was not yet, and Took how long it
	// took. A Source is asked for each Report.
	Time time.Time     `json:"time,omitzero"`
	Took time.Duration `json:"took,omitempty"`
}
