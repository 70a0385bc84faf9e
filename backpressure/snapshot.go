package backpressure

import (
	"cmp"
	"slices"

	"github.com/fsmediator/mediator"
)

// Counts is what has become of items. At every moment
//
//	Produced = Delivered + Dropped + SampledOut + Abandoned + Queued
type Counts struct {
	Produced   uint64 `json:"produced"`   // items that came to the boundary
	Delivered  uint64 `json:"delivered"`  // given to the consumer, the one in its hands included
	Dropped    uint64 `json:"dropped"`    // by the strategy
	SampledOut uint64 `json:"sampledOut"` // left out by a sample
	Abandoned  uint64 `json:"abandoned"`  // left by a consumer that stopped, was cancelled or panicked
	Queued     int    `json:"queued"`     // the depth
}

func countsOf(c mediator.QueueCounts) Counts {
	return Counts{Produced: c.Produced, Delivered: c.Delivered, Dropped: c.Dropped, SampledOut: c.Skipped, Abandoned: c.Abandoned, Queued: c.Queued}
}

func (c Counts) plus(d Counts) Counts {
	return Counts{
		Produced: c.Produced + d.Produced, Delivered: c.Delivered + d.Delivered, Dropped: c.Dropped + d.Dropped,
		SampledOut: c.SampledOut + d.SampledOut, Abandoned: c.Abandoned + d.Abandoned, Queued: c.Queued + d.Queued,
	}
}

// Snapshot is how a [Control] is doing.
type Snapshot struct {
	// Counts is that of all runs since the beginning, those in progress included.
	Counts
	Strategy  Strategy      `json:"strategy"`
	Started   uint64        `json:"started"`   // runs
	Pressures uint64        `json:"pressures"` // the times that pressure has begun
	Runs      []RunSnapshot `json:"runs"`      // in progress, in the order they began
	// HookPanics is how often OnPressure has panicked, and HookPanic what it did last,
	// a [*mediator.PanicError], nil if it never did.
	HookPanics uint64 `json:"hookPanics"`
	HookPanic  error  `json:"-"`
}

// RunSnapshot is how a [Run] is doing. Where pressure changes nothing, and there is no
// OnPressure, it is looked at for every 16th item, and Pressures may miss some.
type RunSnapshot struct {
	Counts
	Number    uint64 `json:"number"` // which of the Control's runs it is, from 1
	Name      string `json:"name"`   // the message's
	Capacity  int    `json:"capacity"`
	Pressure  bool   `json:"pressure"`
	Pressures uint64 `json:"pressures"` // the times that it has begun
	// SampleEvery is n of the 1 in n items that are kept: by SetSample and, for a Sample
	// under pressure, by the strategy. 1 is all.
	SampleEvery int `json:"sampleEvery"`
	// Pace is the rate that the producer is held to, in items a second: by SetPace or,
	// for an adaptive Throttle above its low watermark, by the strategy. 0 is none.
	Pace float64 `json:"pace"`
}

// Snapshot returns how k is doing. The counts of each run, and of all, are those of one
// moment: they add up. It takes a lock that a run takes when it begins and ends, and
// none that an item needs.
func (k *Control) Snapshot() Snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Snapshot{Strategy: k.c.Strategy, Started: k.started, Pressures: k.begun, HookPanics: k.panics}
	if k.panic != nil {
		s.HookPanic = k.panic
	}
	for _, c := range k.ended {
		s.Counts = s.plus(c)
	}
	runs := make([]*Run, 0, len(k.runs))
	for r := range k.runs {
		runs = append(runs, r)
	}
	slices.SortFunc(runs, func(a, b *Run) int { return cmp.Compare(a.number, b.number) })
	for _, r := range runs {
		one := r.Snapshot()
		s.Counts = s.plus(one.Counts)
		s.Pressures += one.Pressures
		s.Runs = append(s.Runs, one)
	}
	return s
}

// Snapshot returns how r is doing.
func (r *Run) Snapshot() RunSnapshot {
	s := RunSnapshot{
		Counts: r.Counts(), Number: r.number, Name: r.name, Capacity: r.Capacity(), Pressure: r.Pressure(), Pressures: r.pressures.Load(),
		SampleEvery: max(1, r.Sample()), Pace: r.Pace(),
	}
	if r.samples && s.Pressure {
		s.SampleEvery *= int(r.every.Load())
	}
	if tuned := r.tunedPace(); tuned > 0 && (s.Pace == 0 || tuned < s.Pace) {
		s.Pace = tuned
	}
	return s
}
