package deadletter

import (
	"context"
	"fmt"
)

// Status is how the redrive of a letter ended.
type Status uint8

// The states.
const (
	Redriven Status = iota + 1 // handled; the letter is deleted
	Failed                     // the handler failed again; the letter stays, with the new error
	Skipped                    // no handler was given it: nothing has its name or its group, or no codec its content type, or it did not get that far, as when a rate limit refused it or its subscription was stopped; the letter stays as it was
)

// String returns "redriven", "failed" or "skipped".
func (s Status) String() string {
	switch s {
	case Redriven:
		return "redriven"
	case Failed:
		return "failed"
	case Skipped:
		return "skipped"
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// Outcome is what [Redrive] did with one letter.
type Outcome struct {
	Letter Letter // as it is now; in a Report without body and stack, which the store has
	Status Status
	Err    error // nil if redriven, but for what kept the store from deleting the letter
}

// Report is what [Redrive] did.
type Report struct {
	Redriven, Failed, Skipped int
	Outcomes                  []Outcome // one a letter, in order; empty with [OnOutcome]

	// WhySkipped is why the first of the Skipped was, nil if there are none.
	WhySkipped error
}

// String counts: "3 redriven, 1 failed, 0 skipped". Of what was skipped it says why the
// first was: "0 redriven, 0 failed, 2 skipped, the first: rate limit reached".
func (r Report) String() string {
	text := fmt.Sprintf("%d redriven, %d failed, %d skipped", r.Redriven, r.Failed, r.Skipped)
	switch {
	case r.WhySkipped == nil:
		return text
	case r.Skipped > 1:
		text += ", the first"
	}
	return text + ": " + cut(textOf(r.WhySkipped), maxText)
}

func (r *redriver) add(ctx context.Context, o Outcome) {
	switch o.Status {
	case Redriven:
		r.report.Redriven++
	case Failed:
		r.report.Failed++
	case Skipped:
		r.report.Skipped++
		if r.report.Skipped == 1 {
			r.report.WhySkipped = o.Err
		}
	}
	if r.onOutcome != nil {
		r.onOutcome(ctx, o)
		return
	}
	o.Letter.Body, o.Letter.Stack = nil, ""
	r.report.Outcomes = append(r.report.Outcomes, o)
}
