// Package market is where quotes come from. A source, the rows of a CSV file or a
// random walk, is put on a tape at a given rate; the handlers of the stream requests
// read the tape, each at its own pace, over a line that may be made to fail.
package market

import (
	"time"

	"github.com/fsmediator/mediator"
)

// Quote is the price of one symbol at one moment.
type Quote struct {
	// Number is its place on the tape. The first quote is 1, and the next is one
	// more: who reads the tape sees by it what was left out.
	Number uint64
	Symbol string
	Price  float64
	Day    string    // when, as the file has it; "" if it does not tell
	At     time.Time // when it was put on the tape
}

// Subscription is what the requests for quotes have in common.
type Subscription struct {
	mediator.Yields[Quote]
	After uint64 // the number of the last quote that is not wanted any more
}

// Begins returns After.
func (s Subscription) Begins() uint64 { return s.After }

// There is a request for each kind of consumer, so that each stream has a name of its
// own in health, logs and figures, and behaviors of its own where it is wired.
type (
	// Fast is for a consumer that keeps up with any market.
	Fast struct{ Subscription }
	// Slow is for one that takes its time for each quote.
	Slow struct{ Subscription }
	// Mobile is for one that comes and goes.
	Mobile struct{ Subscription }
)

// MessageName implements [mediator.MessageNamer].
func (Fast) MessageName() string { return "quotes.fast" }

// MessageName implements [mediator.MessageNamer].
func (Slow) MessageName() string { return "quotes.slow" }

// MessageName implements [mediator.MessageNamer].
func (Mobile) MessageName() string { return "quotes.mobile" }

// Newest asks for the number of the newest quote on the tape, 0 if there is none.
// Who comes back subscribes to what is after it.
type Newest struct{ mediator.Returns[uint64] }

// MessageName implements [mediator.MessageNamer].
func (Newest) MessageName() string { return "market.newest" }
